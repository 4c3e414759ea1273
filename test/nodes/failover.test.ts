import { spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { cp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import type { ScimSettingsStore, ScimWriteContext } from '../../lib/index.ts'
import { postgresMigration, postgresStore, type Queryable } from '../../lib/stores/postgres.ts'
import { initialisePostgres, unprivileged, type PostgresData } from '../helpers/postgres.ts'
import { createStoreContext } from '../helpers/store-context.ts'
import { hasPgbouncer, startPgbouncer } from './pgbouncer.ts'
import { until } from './until.ts'

// A replica takes over from a primary whose clock was ahead, while statements of writes that were given up
// wait in the pooler. The new primary then executes them.

t.setTimeout(120_000)

type Store = ScimSettingsStore<{ name: string }>
type Write = (store: Store, context: ScimWriteContext<{ name: string }>) => unknown

const generate: Write = (store, context) => store.replace({ hash: randomBytes(32).toString('hex'), createdAt: new Date() }, context)
const enable: Write = (store, context) => store.setEnabled(true, context)
const disable: Write = (store, context) => store.setEnabled(false, context)

/** Each has a tenant of its own, so that one failover is enough. */
const scenes: { tenant: string, givenUp: Write, confirmed: Write }[] = [
  { tenant: 'generate, then generate', givenUp: generate, confirmed: generate },
  { tenant: 'generate, then disable', givenUp: generate, confirmed: disable },
  { tenant: 'enable, then generate', givenUp: enable, confirmed: generate },
  { tenant: 'enable, then disable', givenUp: enable, confirmed: disable }
]

const contextOf = (tenant: string) => createStoreContext({ name: 'ada' }, { 'x-tenant': tenant })
const storeOn = (db: Queryable): Store => postgresStore<{ name: string }>({
  db,
  createdBy: ({ name }) => name,
  tenant: ({ headers }) => String(headers['x-tenant'])
})

// Not the program itself: it does not pass signals on.
const libfaketime = spawnSync('faketime', ['-f', '+0s', 'printenv', 'LD_PRELOAD'], { encoding: 'utf8' }).stdout?.trim()
const canRun = hasPgbouncer && Boolean(libfaketime)
if (!canRun) t.comment('pgbouncer or faketime is not installed: no failover is tried')

for (const replicated of canRun ? [true, false] : []) {
  t.test(`statements that were given up are executed after a failover, and the new primary has ${replicated ? '' : 'not '}seen their draws -> the writes that were confirmed meanwhile stay`, async (t) => {
    const { primary, replica } = await startServers(t)
    await primary.pool.query(postgresMigration())
    for (const { tenant } of scenes) await storeOn(primary.pool).setEnabled(true, await contextOf(tenant))
    await untilReplayed(primary.pool, replica.pool)

    const pgbouncer = await startPgbouncer(primary, 30_000)
    t.teardown(() => pgbouncer.stop())
    const pooled = new pg.Pool({ host: dirname(pgbouncer.socket), port: 6432, user: 'pooled', database: 'postgres' })
    // pgbouncer may stop before the pool has closed its connections.
    pooled.on('error', () => {})
    t.teardown(() => pooled.end())
    await untilReplayed(primary.pool, replica.pool)
    if (!replicated) await replica.stop()

    const controller = new AbortController()
    const progress = new EventEmitter()
    let draws = 0
    const late = scenes.map(async ({ tenant, givenUp }) => {
      let isDraw = true
      const store = storeOn({
        async query (text, values) {
          if (!isDraw) return await pooled.query(text, values)
          isDraw = false
          const drawn = await pooled.query(text, values)
          if (++draws === scenes.length) progress.emit('all have drawn')
          await once(progress, 'paused')
          return drawn
        }
      })
      await givenUp(store, { ...await contextOf(tenant), signal: controller.signal })
    })
    const settled = Promise.allSettled(late)
    await once(progress, 'all have drawn')
    if (replicated) await untilReplayed(primary.pool, replica.pool)
    await pgbouncer.pause()
    progress.emit('paused')
    await pgbouncer.untilWaiting(scenes.length)
    controller.abort()

    await primary.stop()
    if (!replicated) await replica.start()
    await replica.pool.query('select pg_promote()')
    for (const { tenant, confirmed } of scenes) await confirmed(storeOn(replica.pool), await contextOf(tenant))
    const readRows = async () => (await replica.pool.query('select tenant, enabled, token_hash, written from scim_settings order by tenant')).rows
    const confirmed = await readRows()

    await pgbouncer.resumeOn(replica.folder)
    // Any other error would mean that the statement was not executed.
    t.match(await settled, scenes.map(() => ({ status: 'rejected', reason: { name: 'AbortError' } })))
    t.strictSame(await readRows(), confirmed)
    t.match(confirmed, scenes.map(() => ({ written: /\d/ })))
  })
}

/** Starts a primary whose clock is 5 s ahead, and a replica of it. */
async function startServers (t: Test) {
  const [primary, replica] = [await initialisePostgres(), await initialisePostgres()]
  await copyData(primary, replica)
  await writeFile(join(replica.folder, 'standby.signal'), '')
  const servers = {
    primary: await controlServer(t, primary, [], { LD_PRELOAD: libfaketime, FAKETIME: '+5s' }),
    replica: await controlServer(t, replica, ['-c', `primary_conninfo=host=${primary.folder} user=postgres`])
  }
  const { rows: [{ now }] } = await servers.primary.pool.query('select clock_timestamp() as now')
  t.ok(now.getTime() > Date.now() + 4000)
  return servers
}

async function controlServer (t: Test, data: PostgresData, args: string[], env?: Record<string, string>) {
  const { folder } = data
  let server: ChildProcess | undefined
  const start = async () => { server = await data.start(['-h', '', '-k', folder, ...args], env) }
  const stop = async () => {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
    const exited = once(server, 'exit')
    server.kill('SIGQUIT')
    await exited
  }
  const pool = new pg.Pool({ host: folder, user: 'postgres', database: 'postgres' })
  pool.on('error', () => {})
  t.teardown(async () => {
    await pool.end()
    await stop()
    await data.remove()
  })
  await start()
  return { folder, pool, start, stop, connected }

  async function connected<T> (use: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = await pool.connect()
    try {
      return await use(client)
    } finally {
      client.release()
    }
  }
}

/** Replaces the data of a server that never ran. */
async function copyData (from: PostgresData, to: PostgresData): Promise<void> {
  await rm(to.folder, { recursive: true })
  await cp(from.folder, to.folder, { recursive: true })
  if (unprivileged.uid !== undefined) spawnSync('chown', ['-R', `${unprivileged.uid}:${unprivileged.gid}`, to.folder])
}

async function untilReplayed (primary: pg.Pool, replica: pg.Pool): Promise<void> {
  const { rows: [{ position }] } = await primary.query('select pg_current_wal_insert_lsn() as position')
  await until('the replica has replayed all', async () => (await replica.query('select pg_last_wal_replay_lsn() >= $1::pg_lsn as done', [position])).rows[0].done)
}
