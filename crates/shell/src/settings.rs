//! The configuration as the proxy's settings.

use std::net::SocketAddr;
use std::sync::Arc;

use chrono_tz::Tz;
use outlay_host::config::{Config, Loops};
use outlay_host::connect::Target;
use outlay_host::folders::Folders;
use outlay_host::idle::Idle;
use outlay_host::{machine, zone};
use outlay_proxy::balance::Source;
use outlay_proxy::{LoopSetting, Parts, ProviderPart, Settings, SettingsError, Watched};

/// The zone of days: as configured, else this machine's.
#[must_use]
pub fn zone(config: &Config) -> Tz {
    config.timezone.unwrap_or_else(zone::system)
}

/// The proxy's settings, as configured but for where it listens.
///
/// # Errors
/// One sentence naming the value that makes no sense.
pub fn settings(
    config: &Config,
    listen: SocketAddr,
    token: String,
) -> Result<Settings, SettingsError> {
    let providers = config.providers.iter().map(|(name, provider)| ProviderPart {
        name: name.clone(),
        base_url: provider.base_url.clone(),
        dialect: provider.dialect.clone(),
        deployments: provider.deployments.clone().into_iter().collect(),
    });
    let settings = Settings::from_parts(Parts {
        listen,
        allowed_hosts: config.allowed_hosts.clone(),
        timezone: zone(config),
        providers: providers.collect(),
        refusal_status: config.refusal_status.to_string(),
        wait_max: config.wait_max,
        after_disconnect: config.after_disconnect,
        strict: config.strict,
        loops: loops(config.loops),
        token,
    })?;
    let settings = settings.with_block_when_empty(config.block_when_empty);
    Ok(settings.with_durability(config.durability).with_plans(config.all_plans()))
}

/// The way to every provider that has an address, by a proxy at `address`.
///
/// # Errors
/// As [`settings`].
pub fn target(config: &Config, address: SocketAddr) -> Result<Target, SettingsError> {
    let upstreams = settings(config, address, String::new())?.upstreams;
    let upstreams = upstreams.into_iter().filter_map(|(name, up)| Some((name, up.base_url?)));
    Ok(Target::new(address, upstreams))
}

/// What is looked at beside the calls; `sources` are asked what is left.
#[must_use]
pub fn watched(folders: &Folders, config: &Config, sources: Vec<Source>) -> Watched {
    let folder = folders.data().to_owned();
    Watched {
        sources,
        zone: zone(config),
        keep_days: config.keep_days,
        surroundings: Arc::new(move || machine::surroundings(&folder)),
        uptime: Arc::new(machine::uptime),
    }
}

fn loops(Loops { rules, refuse, idle_refuse }: Loops) -> LoopSetting {
    // Without a thread nobody can tell who is there, which is no reason not to start.
    let idle = Idle::start().ok();
    LoopSetting { rules, refuse, idle_refuse, idle: Arc::new(move || idle.as_ref()?.get()) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_configuration_reaches_the_proxy() {
        let text = "listen = \"127.0.0.1:1\"\ntimezone = \"Europe/Berlin\"\n\
                    [providers.openai]\nbase_url = \"http://127.0.0.1:2\"\n\
                    [refusal]\nstatus = 429\n[admission]\nwait_max = \"5s\"\nstrict = true\n\
                    durability = \"power\"\nblock_when_empty = true\n";
        let config = Config::parse(text, Path::new("outlay.toml"), std::iter::empty()).unwrap();
        let told = settings(&config, config.listen, "token".to_owned()).unwrap();
        assert_eq!(told.listen.to_string(), "127.0.0.1:1");
        assert_eq!(told.timezone.name(), "Europe/Berlin");
        assert_eq!(
            told.upstreams["openai"].base_url.as_ref().unwrap().as_str(),
            "http://127.0.0.1:2/"
        );
        assert_eq!(told.refusal_status.to_string(), "429");
        assert_eq!((told.wait_max.as_secs(), told.strict), (5, true));
        assert!(told.block_when_empty);
        assert_eq!(told.durability, outlay_core::ledger::Durability::Power);
    }
}
