//! The documents of the API as TypeScript, in the file that the dashboard takes its types from.

use std::path::Path;

use outlay_core::alert::AlertKind;
use outlay_core::report;
use outlay_core::report::UsageRow;
use ts_rs::{Config, TS};

use super::{alerts, balances, budgets, pulse};
use crate::machine;

const FILE: &str = "../../ui/src/generated.ts";
const HEAD: &str = "\
/**
 * The documents of the local API (`/api/v1`), made from their Rust types: do not edit.
 * `OUTLAY_UPDATE_TYPES=1 cargo test -p outlay-proxy types` writes this file anew.
 */
";

type Pair = [Option<String>; 2];

/// Every document that the dashboard reads; what they are made of comes along.
fn documents(types: &mut Types) {
    types.add::<report::Status>();
    types.add::<budgets::Budgets>();
    types.add::<budgets::History>();
    types.add::<report::RehearsalView>();
    types.add::<report::Plans>();
    types.add::<balances::Balances>();
    types.add::<balances::Grants>();
    types.add::<report::Usage>();
    types.add::<UsageRow<Pair>>();
    types.add::<report::CallPage>();
    types.add::<report::CallCount>();
    types.add::<report::CallDetail>();
    types.add::<report::PriceView>();
    types.add::<report::Explanation>();
    types.add::<report::Prices>();
    types.add::<report::UnpricedModels>();
    types.add::<alerts::Alerts>();
    types.add::<AlertKind>();
    types.add::<pulse::Pulse>();
    types.add::<report::Suggestion>();
    types.add::<machine::Tools>();
    types.add::<machine::Connection>();
    types.add::<machine::ServiceView>();
    types.add::<machine::Logs>();
    types.add::<machine::Imports>();
    types.add::<machine::SettingsView>();
    types.add::<machine::AlertTest>();
    types.add::<machine::BackedUp>();
    types.add::<machine::Exported>();
}

#[test]
fn the_dashboard_has_the_types_of_the_api() {
    let mut types = Types::new();
    documents(&mut types);
    let expected = types.file();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("OUTLAY_UPDATE_TYPES").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "a document has changed: see the head of {FILE}");
}

/// Declarations, each once, in the order of their names.
struct Types {
    config: Config,
    declarations: std::collections::BTreeMap<String, String>,
}

impl Types {
    fn new() -> Types {
        Types { config: Config::new().with_large_int("number"), declarations: Default::default() }
    }

    fn add<T: TS + ?Sized + 'static>(&mut self) {
        let name = T::ident(&self.config);
        if self.declarations.contains_key(&name) {
            return;
        }
        let docs = T::docs().unwrap_or_default();
        let declaration = T::decl(&self.config);
        let text = laid_out(&format!("{docs}export {declaration}"));
        self.declarations.insert(name, text);
        T::visit_dependencies(self);
    }

    fn file(&self) -> String {
        let declarations = self.declarations.values().map(String::as_str);
        std::iter::once(HEAD).chain(declarations).collect::<Vec<_>>().join("\n")
    }
}

/// A field a line, each below its words.
fn laid_out(declaration: &str) -> String {
    let mut text = String::new();
    let mut is_inside = false;
    for line in declaration.replace("/**\n * ", "/** ").replace("\n */", " */").lines() {
        let line = line.trim_end();
        let (fields, end) = match line.strip_suffix(" };") {
            Some(fields) if is_inside => (fields, "};\n"),
            _ => (line, ""),
        };
        text.push_str(if is_inside { "  " } else { "" });
        text.push_str(fields);
        text.push('\n');
        text.push_str(end);
        is_inside = is_inside || fields.ends_with('{');
    }
    text
}

impl ts_rs::TypeVisitor for Types {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        // What TypeScript has by itself has no file of its own.
        if T::output_path().is_some() {
            self.add::<T>();
        }
    }
}
