//! What a user does to a page: presses, types and chooses what has a name, and waits for it to be
//! there. Where a dialog is open only what is in it can be reached, as for the user.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::outlay::target_dir;
use crate::wait::PATIENCE;
use crate::webdriver::Browser;

/// By this key the protocol names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The first visible element of a kind with a name, exact or as its first words; `null` for none.
/// Names are those that a screen reader says, as far as this dashboard's markup goes.
const FIND: &str = "
const [kinds, name, testid] = arguments;
const dialog = document.querySelector('dialog[open]');
const roots = testid ? [...document.querySelectorAll(`[data-testid=\"${testid}\"]`)] : [dialog ?? document];
const words = (element) => {
  const copy = element.cloneNode(true);
  copy.querySelectorAll('[aria-hidden=\"true\"], select, svg').forEach((each) => each.remove());
  return copy.textContent.replace(/\\s+/g, ' ').trim();
};
const nameOf = (element) => {
  const label = element.getAttribute('aria-label');
  if (label) return label;
  const by = element.getAttribute('aria-labelledby');
  if (by) return by.split(' ').map((id) => words(document.getElementById(id))).join(' ');
  return element.labels?.length ? words(element.labels[0]) : words(element);
};
const found = roots.flatMap((root) => [...root.querySelectorAll(kinds)])
  .filter((element) => element.checkVisibility() && !element.disabled)
  .filter((element) => dialog === null || dialog.contains(element));
const chosen = found.find((element) => nameOf(element) === name) ?? found.find((element) => nameOf(element).startsWith(name));
// The driver refuses what is out of view.
chosen?.scrollIntoView({ block: 'center', behavior: 'instant' });
return chosen ?? null;";

const PRESSED: &str =
    "button, a[href], summary, input[type=checkbox], input[type=radio], [role=row]";
const TYPED: &str = "input, textarea";

/// Chooses an option by its words, as the keyboard does.
const CHOOSE: &str = "
const [list, words] = arguments;
const option = [...list.options].find((each) => each.text.trim() === words);
if (!option) return false;
list.value = option.value;
list.dispatchEvent(new Event('change', { bubbles: true }));
return true;";

impl Browser {
    /// Presses the button, link or box of this name.
    ///
    /// # Panics
    /// When it does not come, or something is in front of it.
    pub fn press(&self, name: &str) {
        self.press_in("", name);
    }

    /// Presses what has this name within the element of this `data-testid`.
    ///
    /// # Panics
    /// As [`Browser::press`].
    pub fn press_in(&self, testid: &str, name: &str) {
        self.until(&format!("press {name:?} {testid}"), || {
            let element = self.find(PRESSED, name, testid)?;
            self.command("POST", &format!("{element}/click"), &json!({})).map(drop)
        });
    }

    /// Types into the field of this name, in place of what stands there.
    ///
    /// # Panics
    /// When the field does not come.
    pub fn type_into(&self, name: &str, text: &str) {
        self.type_in("", name, text);
    }

    /// Types into the field of this name within the element of this `data-testid`.
    ///
    /// # Panics
    /// When the field does not come.
    pub fn type_in(&self, testid: &str, name: &str, text: &str) {
        self.until(&format!("type into {name:?} {testid}"), || {
            let element = self.find(TYPED, name, testid)?;
            self.command("POST", &format!("{element}/clear"), &json!({}))?;
            self.command("POST", &format!("{element}/value"), &json!({ "text": text })).map(drop)
        });
    }

    /// Chooses what reads `option` in the list of this name.
    ///
    /// # Panics
    /// When there is no such list or option.
    pub fn choose(&self, name: &str, option: &str) {
        self.until(&format!("choose {option:?} of {name:?}"), || {
            let list = self.find("select", name, "")?;
            let list = json!({ ELEMENT: list.trim_start_matches("/element/") });
            let body = json!({ "script": CHOOSE, "args": [list, option] });
            match self.command("POST", "/execute/sync", &body)? {
                Value::Bool(true) => Ok(()),
                _ => Err("it has no such option".to_owned()),
            }
        });
    }

    /// Presses a key, such as `\u{e007}` (Enter), where the keyboard is.
    ///
    /// # Panics
    /// When the driver cannot.
    pub fn key(&self, key: &str) {
        let keys =
            [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})];
        let source = json!({"type": "key", "id": "keyboard", "actions": keys});
        self.command("POST", "/actions", &json!({ "actions": [source] })).unwrap();
    }

    /// Waits until a text of the elements with this `data-testid` has these words, and returns it.
    ///
    /// # Panics
    /// When it never does.
    pub fn wait_for_words(&self, testid: &str, words: &str) -> String {
        let mut found = String::new();
        self.until(&format!("read {words:?} in {testid}"), || {
            let texts = self.texts(testid);
            let fitting = texts.iter().find(|text| text.contains(words));
            found = fitting.ok_or_else(|| format!("there is {texts:?}"))?.clone();
            Ok(())
        });
        found
    }

    /// The route of an element, once one is there.
    fn find(&self, kinds: &str, name: &str, testid: &str) -> Result<String, String> {
        let body = json!({ "script": FIND, "args": [kinds, name, testid] });
        let found = self.command("POST", "/execute/sync", &body)?;
        let id = found.get(ELEMENT).and_then(Value::as_str);
        id.map(|id| format!("/element/{id}")).ok_or_else(|| "nothing has this name".to_owned())
    }

    /// Tries until it works.
    fn until(&self, what: &str, mut attempt: impl FnMut() -> Result<(), String>) {
        let deadline = Instant::now() + PATIENCE;
        while let Err(reason) = attempt() {
            if Instant::now() > deadline {
                let picture = target_dir().join("screenshots/in-vain.png");
                self.screenshot(&picture);
                panic!("could not {what}: {reason} ({})", picture.display());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
