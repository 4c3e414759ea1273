import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { postgresMigration } from '../../lib/stores/postgres.ts'
import { initialisePostgres } from '../helpers/postgres.ts'
import type { History } from './history.ts'
import { until } from './until.ts'

/** The one PostgreSQL server of all nodes, on a Unix socket, so that nobody takes its port while it is down. */
export interface Database {
  socket: string
  start (): Promise<void>
  /** `fast` ends all connections; `immediate` ends the server without a checkpoint, as a crash does. */
  end (mode: 'fast' | 'immediate'): Promise<void>
  /** Stops all processes of the server where they are. */
  pause (): Promise<void>
  resume (): void
  /** Runs something in a connection of its own. */
  connected<T> (use: (client: pg.Client) => Promise<T>): Promise<T>
  /** What the store holds and how it came to that, once no node is connected any more. */
  truth (): Promise<Pick<History, 'changes' | 'audit' | 'final'>>
  /** Ends it and removes its data. */
  remove (): Promise<void>
}

const signals = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const

// Runs within the statement that makes a change, so its order is that of the changes.
const recordChanges = `
  create table changes (id bigint generated always as identity primary key, operation int, hash text, enabled boolean not null);
  create function record_change() returns trigger language plpgsql as $$ begin
    insert into changes (operation, hash, enabled)
    values (substring(current_query() from '/\\* operation (\\d+)')::int, new.token_hash, new.enabled);
    return null;
  end $$;
  create trigger record_change after insert or update on scim_settings for each row execute function record_change()`

export async function startDatabase (logFile: string): Promise<Database> {
  const data = await initialisePostgres()
  const log = createWriteStream(logFile, { flags: 'a' })
  let server: ChildProcess
  const start = async () => {
    server = await data.start(['-h', '', '-k', data.folder])
    server.stderr!.pipe(log, { end: false })
  }
  const end: Database['end'] = async (mode) => {
    if (server.exitCode !== null) return
    const exited = once(server, 'exit')
    server.kill(signals[mode])
    await exited
  }
  const connected: Database['connected'] = async (use) => {
    const client = new pg.Client({ host: data.folder, user: 'postgres', database: 'postgres' })
    await client.connect()
    try {
      return await use(client)
    } finally {
      await client.end()
    }
  }

  await start()
  await connected(async (client) => {
    await client.query(postgresMigration())
    await client.query("insert into scim_settings (tenant, enabled) values ('default', true)")
    await client.query(recordChanges)
  })

  let paused: number[] = []
  return {
    socket: join(data.folder, '.s.PGSQL.5432'),
    start,
    end,
    connected,

    async pause () {
      // The parent first: then it starts no more children, which are no process group.
      process.kill(server.pid!, 'SIGSTOP')
      paused = [...await childrenOf(server.pid!), server.pid!]
      for (const pid of paused) process.kill(pid, 'SIGSTOP')
    },

    resume () {
      for (const pid of paused) process.kill(pid, 'SIGCONT')
      paused = []
    },

    truth: () => connected(async (client) => {
      await until('no node is connected', async () => {
        const { rows } = await client.query("select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()")
        return rows.length === 0
      })
      const { rows: changes } = await client.query('select operation, hash, enabled from changes order by id')
      const { rows: audit } = await client.query('select created_by::int as operation, token_hash as hash from scim_token_audit order by id')
      const { rows: [final] } = await client.query("select token_hash as hash, enabled from scim_settings where tenant = 'default'")
      return { changes, audit, final }
    }),

    async remove () {
      await end('fast')
      log.end()
      await data.remove()
    }
  }
}

async function childrenOf (pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return children.split(' ').filter(Boolean).map(Number)
}
