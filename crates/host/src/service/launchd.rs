//! An agent of macOS's launchd. It keeps the process alive; a port that outlives it needs a socket of
//! launchd's own, which is not worth a C interface: a restart takes a moment, and tools ask again.

use super::ServiceError;
use super::definition::{DRAIN, Definition, STOP_SECONDS};

/// Its name.
pub(super) const LABEL: &str = "dev.outlay.proxy";

/// The agent's property list.
pub(super) fn plist(definition: &Definition) -> Result<String, ServiceError> {
    let program = escaped(definition.program()?);
    let variables: String = definition
        .variables()?
        .iter()
        .map(|(name, value)| {
            format!("    <key>{}</key>\n    <string>{}</string>\n", escaped(name), escaped(value))
        })
        .collect();
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">
<!-- Written by outlay service install; outlay service uninstall removes it. -->
<plist version=\"1.0\">
<dict>
  <key>Label</key>
  <string>{LABEL}</string>
  <key>ProgramArguments</key>
  <array>
    <string>{program}</string>
    <string>serve</string>
    <string>--drain</string>
    <string>{DRAIN}</string>
  </array>
  <key>EnvironmentVariables</key>
  <dict>
{variables}  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <true/>
  <key>ThrottleInterval</key>
  <integer>5</integer>
  <key>ExitTimeOut</key>
  <integer>{STOP_SECONDS}</integer>
  <key>ProcessType</key>
  <string>Interactive</string>
  <key>Umask</key>
  <integer>63</integer>
</dict>
</plist>
"
    ))
}

/// Text as XML holds it.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agent_of_odd_paths() {
        let definition = Definition {
            program: "/Users/anna b/R&D <1>/\"mine\"/outlay".into(),
            listen: "127.0.0.1:4780".parse().unwrap(),
            variables: vec![("OUTLAY_DATA_DIR".to_owned(), "/Users/anna b/R&D".to_owned())],
        };
        insta::assert_snapshot!("launchd", plist(&definition).unwrap());
    }
}
