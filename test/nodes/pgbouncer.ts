import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { unprivileged } from '../helpers/postgres.ts'
import type { Database } from './database.ts'
import { until } from './until.ts'

/** A pooler with one connection to the database, which each transaction takes in turn. */
export interface Pgbouncer {
  socket: string
  /** Takes the connection; later transactions are queued until the returned function is called. */
  occupy (): Promise<() => Promise<void>>
  /** Queues all statements from now on. */
  pause (): Promise<void>
  /** Waits until so many statements are queued. */
  untilWaiting (count: number): Promise<void>
  /** Executes what is queued on another server, by the folder of its socket. */
  resumeOn (folder: string): Promise<void>
  stop (): Promise<void>
}

const program = [...String(process.env['PATH']).split(delimiter), '/usr/sbin'].map((folder) => join(folder, 'pgbouncer')).find(isExecutable)

/** Whether the program is installed. */
export const hasPgbouncer = program !== undefined

const port = 6432
const role = 'pooled'

/**
 * Starts a pooler in the database's folder.
 *
 * @param statementTimeout milliseconds; set for the role, because pgbouncer rejects it as a startup parameter
 */
export async function startPgbouncer ({ folder, connected }: Pick<Database, 'folder' | 'connected'>, statementTimeout: number): Promise<Pgbouncer> {
  await connected(async (client) => {
    await client.query(`do $$ begin create role ${role} superuser login; exception when duplicate_object then end $$`)
    await client.query(`alter role ${role} set statement_timeout = ${statementTimeout}`)
  })
  const config = join(folder, 'pgbouncer.ini')
  const writeConfig = (server: string) => writeFile(config, `
    [databases]
    postgres = host=${server} dbname=postgres user=${role}
    [pgbouncer]
    listen_port = ${port}
    unix_socket_dir = ${folder}
    auth_type = any
    admin_users = ${role}
    pool_mode = transaction
    default_pool_size = 1
  `.replaceAll(/^ +/gm, ''), { mode: 0o644 })
  await writeConfig(folder)

  const pgbouncer = spawn(program!, [config], { ...unprivileged, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  const kill = () => { pgbouncer.kill('SIGKILL') }
  process.once('exit', kill)
  pgbouncer.once('exit', () => { process.off('exit', kill) })
  const lines = createInterface({ input: pgbouncer.stderr })
  let log = ''
  for await (const line of lines) {
    log += `${line}\n`
    if (line.includes('process up')) break
  }
  if (!log.includes('process up')) throw new Error(`pgbouncer did not start:\n${log}`)
  pgbouncer.stderr.resume()

  const administrate = async (command: string) => {
    const client = new pg.Client({ host: folder, port, user: role, database: 'pgbouncer' })
    await client.connect()
    const { rows } = await client.query(command)
    await client.end()
    return rows
  }

  return {
    socket: join(folder, `.s.PGSQL.${port}`),
    async occupy () {
      const client = new pg.Client({ host: folder, port, user: role, database: 'postgres' })
      await client.connect()
      await client.query('begin')
      return async () => {
        await client.query('commit')
        await client.end()
      }
    },
    async pause () {
      await administrate('PAUSE')
    },
    async untilWaiting (count) {
      await until('statements are queued', async () => {
        const pools = await administrate('SHOW POOLS')
        return pools.some(({ database, cl_waiting: waiting }) => database === 'postgres' && Number(waiting) === count)
      })
    },
    async resumeOn (server) {
      await writeConfig(server)
      await administrate('RELOAD')
      await administrate('RESUME')
    },
    async stop () {
      const exited = once(pgbouncer, 'exit')
      pgbouncer.kill('SIGTERM')
      await exited
    }
  }
}

function isExecutable (file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
