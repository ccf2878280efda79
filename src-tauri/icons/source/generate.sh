#!/usr/bin/env bash
# Draws every icon of the bundle and the tray from the SVGs beside this script.
set -euo pipefail
cd "$(dirname "$0")"
tauri() { npx --yes @tauri-apps/cli@2.12.5 "$@"; }
drawn="$(mktemp -d)"
trap 'rm -rf "$drawn"' EXIT
tauri icon app.svg --output "$drawn"
for name in 32x32.png 128x128.png 128x128@2x.png icon.png icon.icns icon.ico; do
  cp "$drawn/$name" "../$name"
done
for state in fine warned waiting refusing down; do
  tauri icon "tray-$state.svg" --png 64 --output "$drawn/$state"
  cp "$drawn/$state/64x64.png" "../tray-$state.png"
done
