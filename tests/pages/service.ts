/** A systemd played by a script, for the service that keeps the proxy running: none of the machine's is touched. */

import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Home } from './home';

/** Does what it is told: its socket is there once it was started, and gone once it was disabled. */
const SYSTEMCTL = `#!/bin/sh
shift 2
case $1 in
  start | restart) touch "$HOME/started" ;;
  disable) rm -f "$HOME/started" ;;
esac
[ -e "$HOME/started" ] && socket=active || socket=inactive
[ "$1" = show ] && printf 'Id=outlay.service\\nActiveState=inactive\\nMainPID=0\\n\\nId=outlay.socket\\nActiveState=%s\\n' $socket
exit 0
`;

/** Gives a home a service manager, and the service an address that nobody holds. */
export async function playSystemd(home: Home): Promise<void> {
  home.write('bin/systemctl', SYSTEMCTL);
  chmodSync(join(home.folder, 'bin/systemctl'), 0o755);
  home.write('outlay.toml', `timezone = "Europe/Berlin"\nlisten = "127.0.0.1:${await freePort()}"\n[notifications]\ndesktop = false\n`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
