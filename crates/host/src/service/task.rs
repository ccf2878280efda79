//! A scheduled task of Windows, which runs at log-on.

use super::ServiceError;
use super::definition::{DRAIN, Definition};
use super::launchd::escaped;

/// Its name.
pub(super) const NAME: &str = "Outlay";

/// The task's XML in UTF-16, the only encoding that `schtasks /create /xml` reads everywhere.
pub(super) fn xml(definition: &Definition) -> Result<Vec<u8>, ServiceError> {
    let text = text(definition)?;
    Ok(std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect())
}

/// A task has no environment: what the service is told stands on its command line. `conhost
/// --headless` keeps the console's window away.
fn text(definition: &Definition) -> Result<String, ServiceError> {
    let mut words = vec!["--headless".to_owned(), quoted(definition.program()?)];
    for (name, value) in definition.variables()? {
        match name.as_str() {
            "OUTLAY_DATA_DIR" => words.extend(["--data-dir".to_owned(), quoted(value)]),
            "OUTLAY_CONFIG" => words.extend(["--config".to_owned(), quoted(value)]),
            _ => {}
        }
    }
    words.extend(["serve", "--drain", DRAIN].map(str::to_owned));
    let arguments = escaped(&words.join(" "));
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?>
<Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">
  <RegistrationInfo>
    <Description>Outlay, the spend tracker for paid LLM APIs</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id=\"Author\">
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>255</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context=\"Author\">
    <Exec>
      <Command>conhost.exe</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>
"
    ))
}

/// One word of a Windows command line; a path has no quotes in it.
fn quoted(word: &str) -> String {
    // A backslash before the closing quote would escape it.
    let trailing = word.len() - word.trim_end_matches('\\').len();
    format!("\"{word}{}\"", "\\".repeat(trailing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odd() -> Definition {
        Definition {
            program: r"C:\Users\Anna B\R&D\outlay.exe".into(),
            listen: "127.0.0.1:4780".parse().unwrap(),
            variables: vec![
                ("OUTLAY_CONFIG".to_owned(), r"C:\R&D\outlay.toml".to_owned()),
                ("OUTLAY_DATA_DIR".to_owned(), r"D:\data\".to_owned()),
            ],
        }
    }

    #[test]
    fn task_of_odd_paths() {
        insta::assert_snapshot!("task", text(&odd()).unwrap());
    }

    #[test]
    fn it_is_utf_16() {
        let bytes = xml(&odd()).unwrap();
        assert_eq!(bytes[..4], [0xff, 0xfe, b'<', 0]);
    }
}
