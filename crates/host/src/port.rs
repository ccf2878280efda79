//! Which program holds a port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A program that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// The address that a text names: `127.0.0.1:4780`, `localhost:4780`, or a port of this machine's
/// loopback alone.
///
/// # Errors
/// One sentence where it names none.
pub fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let trimmed = text.trim();
    let port = trimmed.strip_prefix("localhost").unwrap_or(trimmed);
    let port = port.strip_prefix(':').unwrap_or(port);
    if let Ok(port) = port.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    trimmed.parse().map_err(|_| match trimmed.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(ip) => format!("it has no port: write {}", SocketAddr::new(ip, 4780)),
        Err(_) => "it is no address: write 127.0.0.1:4780, or a port alone".to_owned(),
    })
}

/// The program that listens on `address`, where the system lets us see it; Linux only.
#[must_use]
pub fn holder(address: SocketAddr) -> Option<Holder> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, address.port()))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    if sockets.is_empty() {
        return None;
    }
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let files = std::fs::read_dir(process.path().join("fd")).ok()?;
        let holds = files.flatten().any(|file| {
            std::fs::read_link(file.path()).is_ok_and(|target| {
                sockets.iter().any(|socket| target.as_os_str() == socket.as_str())
            })
        });
        let name = std::fs::read_to_string(process.path().join("comm")).ok()?;
        holds.then(|| Holder { pid, name: name.trim().to_owned() })
    })
}

/// The inodes of the sockets of a `/proc/net/tcp` table that listen on `port`, whatever the
/// address: one that listens on all of them stands in the way as well.
fn listening_inodes(table: &str, port: u16) -> Vec<u64> {
    const LISTENING: &str = "0A";
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let local_port = columns.get(1)?.rsplit(':').next()?;
            let is_it = u16::from_str_radix(local_port, 16) == Ok(port);
            (is_it && *columns.get(3)? == LISTENING).then(|| columns.get(9)?.parse().ok())?
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_people_write_them() {
        for (text, expected) in [
            ("127.0.0.1:4780", Ok("127.0.0.1:4780")),
            ("4799", Ok("127.0.0.1:4799")),
            (":4799", Ok("127.0.0.1:4799")),
            ("localhost:4799", Ok("127.0.0.1:4799")),
            ("0", Ok("127.0.0.1:0")),
            ("[::1]:4780", Ok("[::1]:4780")),
            ("0.0.0.0:1", Ok("0.0.0.0:1")),
            ("127.0.0.1", Err("write 127.0.0.1:4780")),
            ("::1", Err("write [::1]:4780")),
            ("localhost", Err("it is no address")),
            ("99999", Err("it is no address")),
            ("", Err("it is no address")),
        ] {
            match (parse_listen(text), expected) {
                (Ok(address), Ok(expected)) => assert_eq!(address.to_string(), expected, "{text}"),
                (Err(error), Err(part)) => assert!(error.contains(part), "{text}: {error}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }

    #[test]
    fn listening_sockets_are_found_in_the_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:12AC 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0\n\
            1: 0100007F:12AC 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0\n\
            2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0\n";
        assert_eq!(listening_inodes(table, 4780), [4711]);
        assert_eq!(listening_inodes(table, 22), [4713]);
        assert!(listening_inodes(table, 80).is_empty());
        assert!(listening_inodes("", 80).is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_found_by_its_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = holder(listener.local_addr().unwrap()).unwrap();
        assert_eq!(holder.pid, std::process::id());
        assert!(!holder.name.is_empty());
    }
}
