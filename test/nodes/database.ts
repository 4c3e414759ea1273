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

/** The PostgreSQL server of all nodes, on a Unix socket, so that no other process takes its port while it is down. */
export interface Database {
  /** The folder of its socket. */
  folder: string
  socket: string
  start (): Promise<void>
  /** `fast` closes all connections; `immediate` exits without a checkpoint, as in a crash. */
  stop (mode: 'fast' | 'immediate'): Promise<void>
  /** Suspends all processes of the server. */
  pause (): Promise<void>
  resume (): void
  /** Runs a function with a connection of its own. */
  connected<T> (use: (client: pg.Client) => Promise<T>): Promise<T>
  /** Locks the settings table against every other statement, until the returned function is called. */
  lockSettings (): Promise<() => Promise<void>>
  /** Waits until at least so many statements wait for a lock. */
  untilWaiting (count: number): Promise<void>
  /** Waits until no statement runs. */
  untilQuiet (): Promise<void>
  /** Returns what the store holds and how that came about, once no node is connected any more. */
  readTruth (): Promise<Pick<History, 'changes' | 'audit' | 'final'>>
  /** Stops it and removes its data. */
  remove (): Promise<void>
}

const signals = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const

// Runs at the end of the statement that makes a change, which still locks the row: the order is that
// of the changes. A setEnabled that leaves the row as it is has a row in the audit.
const recordChanges = `
  create table changes (
    id bigint generated always as identity primary key,
    operation int,
    hash text,
    enabled boolean not null,
    transaction bigint not null default txid_current(),
    unique (operation, transaction)
  );
  create function record_change() returns trigger language plpgsql as $$ begin
    insert into changes (operation, hash, enabled)
    select substring(current_query() from '/\\* \\w+ (\\d+), ')::int, token_hash, enabled
    from scim_settings where tenant = new.tenant
    on conflict do nothing;
    return null;
  end $$;
  create trigger record_insert after insert on scim_settings for each row execute function record_change();
  create trigger record_update after update on scim_settings for each row
    when ((old.token_hash, old.enabled) is distinct from (new.token_hash, new.enabled)) execute function record_change();
  create trigger record_audit after insert on scim_token_audit for each row execute function record_change()`

const otherBackends = "from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"

export async function startDatabase (logFile: string): Promise<Database> {
  const data = await initialisePostgres()
  const log = createWriteStream(logFile, { flags: 'a' })
  let server: ChildProcess
  const start = async () => {
    server = await data.start(['-h', '', '-k', data.folder])
    server.stderr!.pipe(log, { end: false })
  }
  const stop: Database['stop'] = async (mode) => {
    if (server.exitCode !== null) return
    const exited = once(server, 'exit')
    server.kill(signals[mode])
    await exited
  }
  const connect = async () => {
    const client = new pg.Client({ host: data.folder, user: 'postgres', database: 'postgres' })
    await client.connect()
    return client
  }
  const connected: Database['connected'] = async (use) => {
    const client = await connect()
    try {
      return await use(client)
    } finally {
      await client.end()
    }
  }
  const untilBackends = (what: string, condition: string, isTrue: (count: number) => boolean) => connected(async (client) => {
    await until(what, async () => {
      const { rows } = await client.query(`select ${otherBackends} and ${condition}`)
      return isTrue(rows.length)
    })
  })

  await start()
  await connected(async (client) => {
    await client.query(postgresMigration())
    await client.query("insert into scim_settings (tenant, enabled) values ('default', true)")
    await client.query(recordChanges)
  })

  let paused: number[] = []
  return {
    folder: data.folder,
    socket: join(data.folder, '.s.PGSQL.5432'),
    start,
    stop,
    connected,

    async pause () {
      // The parent first, so that it starts no more children. They are not a process group.
      process.kill(server.pid!, 'SIGSTOP')
      paused = [...await childrenOf(server.pid!), server.pid!]
      for (const pid of paused) process.kill(pid, 'SIGSTOP')
    },

    resume () {
      for (const pid of paused) process.kill(pid, 'SIGCONT')
      paused = []
    },

    async lockSettings () {
      const client = await connect()
      await client.query('begin')
      await client.query('lock table scim_settings')
      return () => client.end()
    },

    untilWaiting: (count) => untilBackends('statements wait for a lock', "wait_event_type = 'Lock'", (waiting) => waiting >= count),

    untilQuiet: () => untilBackends('no statement runs', "state <> 'idle'", (running) => running === 0),

    async readTruth () {
      await untilBackends('no node is connected', 'true', (others) => others === 0)
      return await connected(async (client) => {
        const { rows: changes } = await client.query('select operation, hash, enabled from changes order by id')
        const { rows: audit } = await client.query('select created_by::int as operation, token_hash as hash, enabled from scim_token_audit order by id')
        const { rows: [final] } = await client.query("select token_hash as hash, enabled from scim_settings where tenant = 'default'")
        return { changes, audit, final }
      })
    },

    async remove () {
      // A fast stop would wait for a backend that a failed trial has left frozen.
      await stop('immediate')
      log.end()
      await data.remove()
    }
  }
}

async function childrenOf (pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return children.split(' ').filter(Boolean).map(Number)
}
