//! Makes the folder of the dashboard's files, so that a build notices when they appear.

fn main() {
    let folder = "../../ui/dist";
    // A read-only source tree has none to wait for: the build then has the built-in page.
    drop(std::fs::create_dir_all(folder));
    println!("cargo:rerun-if-changed={folder}");
}
