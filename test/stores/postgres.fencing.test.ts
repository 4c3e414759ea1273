import { randomBytes, randomUUID } from 'node:crypto'
import type { InjectOptions } from 'fastify'
import pg from 'pg'
import t, { type Test } from 'tap'
import type { ScimTokenOptions, ScimWriteContext } from '../../lib/index.ts'
import { postgresMigration, postgresStore, type Queryable } from '../../lib/stores/postgres.ts'
import { admin, startHost } from '../helpers/host.ts'
import { holdable } from '../helpers/hold-statements.ts'
import { startPausableProxy } from '../helpers/pausable-proxy.ts'
import { startPostgres } from '../helpers/postgres.ts'
import { createStoreContext } from '../helpers/store-context.ts'
import { addScimRoutes, scimPath } from '../helpers/scim-host.ts'
import { until } from '../nodes/until.ts'

const server = await startPostgres()
const pool = openPool({})
t.teardown(() => server.stop())
t.teardown(() => pool.end())
await pool.query(postgresMigration())

const context = await createStoreContext({ name: 'ada' })
const createdBy = ({ name }: { name: string }) => name
const newRecord = () => ({ hash: randomBytes(32).toString('hex'), createdAt: new Date() })

function openPool (config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool({ connectionString: server.url, ...config })
  // The server may stop before a connection has said goodbye.
  pool.on('error', () => {})
  return pool
}

/** Opens a store for a tenant of its own, with SCIM enabled. */
async function openStore (db: Queryable = pool) {
  const tenant = randomUUID()
  await pool.query('insert into scim_settings (tenant, enabled) values ($1, true)', [tenant])
  return { tenant, store: postgresStore({ db, createdBy, tenant: () => tenant }) }
}

async function readAudit (tenant: string) {
  const { rows } = await pool.query('select token_hash, enabled, created_by from scim_token_audit where tenant = $1 order by id', [tenant])
  return rows
}

/** Something that keeps a statement of a node from the database. */
interface Stall {
  db: pg.Pool
  begin: () => unknown
  end: () => unknown
  /** Whether it keeps those of all nodes. */
  stopsAll?: boolean
}

const stalls: Record<string, (t: Test) => Promise<Stall>> = {
  async 'a frozen backend' () {
    const db = openPool({ max: 1 })
    const { rows: [{ pid }] } = await db.query('select pg_backend_pid() as pid')
    return { db, begin: () => process.kill(pid, 'SIGSTOP'), end: () => process.kill(pid, 'SIGCONT') }
  },
  async 'a paused network' (t) {
    const { port } = new URL(server.url)
    const proxy = await startPausableProxy(Number(port))
    t.teardown(() => proxy.close())
    const url = new URL(server.url)
    url.port = String(proxy.port)
    return { db: openPool({ connectionString: url.href, max: 1 }), begin: () => proxy.pause(), end: () => proxy.resume() }
  },
  async 'a busy pool of one' () {
    const db = openPool({ max: 1 })
    let client: pg.PoolClient
    return { db, begin: async () => { client = await db.connect() }, end: () => client.release() }
  },
  async 'a locked table' () {
    const client = await pool.connect()
    return {
      db: openPool({ max: 1 }),
      begin: () => client.query('begin; lock table scim_settings'),
      async end () {
        await client.query('commit')
        client.release()
      },
      stopsAll: true
    }
  }
}

for (const [what, prepare] of Object.entries(stalls)) {
  for (const number of [1, 2]) {
    t.test(`${what} delays statement ${number} of replace() past its 503 -> a token generated meanwhile stays valid`, async (t) => {
      const { give503, meanwhile, isAccepted } = await startNodes(t, await prepare(t), number)
      await give503(generate)
      const { token } = (await meanwhile(generate)).json()
      t.equal(await isAccepted(token), true)
    })

    t.test(`${what} delays statement ${number} of setEnabled() past its 503 -> SCIM that was disabled meanwhile stays disabled`, async (t) => {
      const { other, give503, meanwhile, isAccepted } = await startNodes(t, await prepare(t), number)
      const { token } = (await other.inject(generate)).json()
      t.equal(await isAccepted(token), true)
      await give503(setEnabled(true))
      await meanwhile(setEnabled(false))
      t.equal(await isAccepted(token), false)
    })
  }
}

const generate: InjectOptions = { method: 'POST', url: '/api/admin/scim-settings/generate-new-token', headers: admin }
const setEnabled = (enabled: boolean): InjectOptions => ({ method: 'POST', url: '/api/admin/scim-settings', headers: admin, payload: { enabled } })

/** Starts two nodes on one tenant; a statement of the first can be stalled. */
async function startNodes (t: Test, stall: Stall, number: number) {
  t.teardown(() => stall.db.end())
  // A connection that is opened later would not be stalled.
  await stall.db.query('select 1')
  const { tenant } = await openStore()
  const start = async (db: Queryable, options: ScimTokenOptions) => {
    const store = postgresStore({ db, createdBy: () => 'admin', tenant: () => tenant })
    const { app } = await startHost(t, { store, options: { settingsRoutes: true, ...options }, routes: addScimRoutes })
    return app
  }
  const db = holdable(stall.db)
  const late = await start(db, { timeout: 250 })
  const other = await start(pool, {})

  return {
    other,

    /** Sends a request to the first node, whose statement is stalled until the second has written. */
    async give503 (request: InjectOptions) {
      const { held, release } = db.hold(number)
      const response = late.inject(request)
      await held
      await stall.begin()
      release()
      t.equal((await response).statusCode, 503)
    },

    /** Sends a request to the second node, and lets the statement of the first go on. */
    async meanwhile (request: InjectOptions) {
      const response = other.inject(request)
      await (stall.stopsAll ? until('both wait for the lock', () => areWaiting(2)) : response)
      await stall.end()
      // The first node has one connection: these wait for its statement, and for one that it may send after it.
      await stall.db.query('select 1')
      await stall.db.query('select 1')
      t.equal((await response).statusCode, 200)
      return await response
    },

    async isAccepted (token: string) {
      const { statusCode } = await other.inject({ url: scimPath, headers: { authorization: `Bearer ${token}` } })
      return statusCode === 200
    }
  }
}

async function areWaiting (count: number): Promise<boolean> {
  const { rows } = await pool.query("select from pg_stat_activity where wait_event_type = 'Lock'")
  return rows.length === count
}

t.test('a write that was given up before its first statement -> no statement is sent', async (t) => {
  let sent = 0
  const { store } = await openStore({ query: (text, values) => { sent++; return pool.query(text, values) } })
  const givenUp = { ...context, signal: AbortSignal.abort() }
  await t.rejects(async () => await store.replace(newRecord(), givenUp), { name: 'AbortError' })
  await t.rejects(async () => { await store.setEnabled(false, givenUp) }, { name: 'AbortError' })
  t.equal(sent, 0)
})

t.test('a write that is overtaken and not given up -> it is stored after the one that overtook it, and the audit has both', async (t) => {
  const db = holdable(pool)
  const { tenant, store } = await openStore(db)
  const [overtaken, overtaking] = [newRecord(), newRecord()]
  const { held, release } = db.hold(2)
  const written = store.replace(overtaken, context)
  await held
  t.equal(await store.replace(overtaking, context), true)
  release()
  t.equal(await written, true)
  t.strictSame(await store.find(context), overtaken)
  t.match(await readAudit(tenant), [{ token_hash: overtaking.hash }, { token_hash: overtaken.hash }])
})

t.test('setEnabled() is overtaken by one that creates the settings, and not given up -> it is stored after it', async (t) => {
  const db = holdable(pool)
  const tenant = randomUUID()
  const store = postgresStore({ db, createdBy, tenant: () => tenant })
  const { held, release } = db.hold(2)
  const written = store.setEnabled(true, context)
  await held
  await store.setEnabled(false, context)
  release()
  await written
  t.match(await store.getSettings(context), { enabled: true })
  t.match(await readAudit(tenant), [{ enabled: false }, { enabled: true }])
})

t.test('setEnabled() finds no settings and is given up -> they are created disabled at most', async (t) => {
  const db = holdable(pool)
  const tenant = randomUUID()
  const store = postgresStore({ db, createdBy, tenant: () => tenant })
  const controller = new AbortController()
  const { held, release } = db.hold(1)
  const written = (async () => { await store.setEnabled(true, { ...context, signal: controller.signal }) })()
  await held
  controller.abort()
  release()
  await t.rejects(written, { name: 'AbortError' })
  t.strictSame(await store.getSettings(context), { enabled: false, hasToken: false })
  t.strictSame(await readAudit(tenant), [])
})

type Store = ReturnType<typeof postgresStore<{ name: string }>>
type Write = (store: Store, context: ScimWriteContext<{ name: string }>) => unknown

const lateWrites: Record<string, Write> = {
  'replace()': (store, context) => store.replace(newRecord(), context),
  'setEnabled(true)': (store, context) => store.setEnabled(true, context)
}
const laterWrites: Record<string, Write> = {
  'replace()': lateWrites['replace()']!,
  'setEnabled(false)': (store, context) => store.setEnabled(false, context)
}

/** What happens to the settings row after a number was drawn. */
const changes: Record<string, (tenant: string, copy: object) => Promise<unknown>> = {
  'kept as it is': async () => {},
  deleted: (tenant) => pool.query('delete from scim_settings where tenant = $1', [tenant]),
  'deleted and created again': async (tenant) => {
    await pool.query('delete from scim_settings where tenant = $1', [tenant])
    await pool.query('insert into scim_settings (tenant, enabled) values ($1, true)', [tenant])
  },
  'restored from a copy': async (tenant, copy) => {
    await pool.query('delete from scim_settings where tenant = $1', [tenant])
    await pool.query('insert into scim_settings select * from jsonb_populate_record(null::scim_settings, $1)', [copy])
  },
  'set back to its last write': (tenant) => pool.query('update scim_settings set fence = written where tenant = $1', [tenant])
}

async function readRow (tenant: string) {
  const { rows: [row] } = await pool.query('select enabled, token_hash, written from scim_settings where tenant = $1', [tenant])
  return row
}

for (const [change, changeRow] of Object.entries(changes)) {
  for (const clock of ['', ', its numbers a day ahead of the clock']) {
    t.test(`the settings row is ${change}${clock}, and a write is confirmed -> one that was given up before has no effect`, async (t) => {
      for (const [late, writeLate] of Object.entries(lateWrites)) {
        for (const [later, writeLater] of Object.entries(laterWrites)) {
          for (const statement of [1, 2]) {
            const { tenant, store } = await openStore()
            await store.replace(newRecord(), context)
            const { rows: [{ copy }] } = await pool.query('select to_jsonb(scim_settings) as copy from scim_settings where tenant = $1', [tenant])
            if (clock !== '') await pool.query('update scim_settings set fence = fence + 86400000000, written = written + 86400000000 where tenant = $1', [tenant])

            const db = holdable(pool)
            const { held, release } = db.hold(statement)
            const controller = new AbortController()
            const settled = Promise.allSettled([writeLate(postgresStore({ db, createdBy, tenant: () => tenant }), { ...context, signal: controller.signal })])
            await held
            controller.abort()
            await changeRow(tenant, copy)
            // Without a row, replace() has nothing to attach a token to.
            if (change === 'deleted') await store.setEnabled(false, context)
            await writeLater(store, context)

            const confirmed = [await readRow(tenant), await readAudit(tenant)]
            release()
            await settled
            t.strictSame([await readRow(tenant), await readAudit(tenant)], confirmed, `${late} held back before statement ${statement}, ${later} confirmed`)
          }
        }
      }
    })
  }
}

for (const isolation of ['repeatable read', 'serializable']) {
  t.test(`50 replace() and 50 setEnabled() calls at once under ${isolation} -> all are stored`, async (t) => {
    const db = openPool({ options: `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`, max: 10 })
    t.teardown(() => db.end())
    t.match((await db.query('show transaction_isolation')).rows, [{ transaction_isolation: isolation }])
    const { tenant, store } = await openStore(db)
    const calls = Array.from({ length: 50 }, (_, i) => [store.replace(newRecord(), context), store.setEnabled(i % 2 === 0, context)]).flat()
    await t.resolves(Promise.all(calls))
    const audit = await readAudit(tenant)
    t.equal(audit.filter(({ enabled }) => enabled === null).length, 50)
    t.equal(audit.filter(({ enabled }) => enabled !== null).length, 50)
  })
}

t.test('PostgreSQL ends a write as a deadlock -> it is sent again', async (t) => {
  const tables = { settings: 'locked_settings', audit: 'locked_audit' }
  await pool.query(postgresMigration(tables))
  await pool.query(`
    create function lock_in_turn() returns trigger language plpgsql as 'begin perform pg_advisory_xact_lock(1), pg_advisory_xact_lock(2); return new; end';
    create trigger lock_in_turn before insert on locked_audit for each row execute function lock_in_turn()`)
  const db = openPool({ options: '-c deadlock_timeout=10', max: 1 })
  t.teardown(() => db.end())
  const store = postgresStore({ db, createdBy, tables })
  await store.setEnabled(true, context)
  const [first, second] = [await pool.connect(), await pool.connect()]
  await first.query('begin; select pg_advisory_xact_lock(1)')
  // Only the write looks for a deadlock.
  await second.query("begin; select pg_advisory_xact_lock(2); set local deadlock_timeout = '1min'")

  const written = store.replace(newRecord(), context)
  await until('the write waits for the first lock', () => areWaiting(1))
  const updated = second.query('update locked_settings set token_created_by = null')
  await until('the update waits for the row of the write', () => areWaiting(2))
  await first.query('commit')
  t.equal((await updated).rowCount, 1)
  await second.query('commit')
  for (const client of [first, second]) client.release()

  t.equal(await written, true)
  t.equal((await pool.query('select from locked_audit where token_hash is not null')).rows.length, 1)
})

t.test('a trigger moves audit rows elsewhere -> a write is stored once and resolves', async (t) => {
  const tables = { settings: 'moved_settings', audit: 'moved_audit' }
  await pool.query(postgresMigration(tables))
  await pool.query(`
    create table archive (like moved_audit);
    create function archive_row() returns trigger language plpgsql as 'begin insert into archive select new.*; return null; end';
    create trigger archive before insert on moved_audit for each row execute function archive_row()`)
  const store = postgresStore({ db: pool, createdBy, tables })
  const limited = { ...context, signal: AbortSignal.timeout(1000) }
  await t.resolves(async () => { await store.setEnabled(true, limited) })
  await t.resolves(async () => { await store.setEnabled(false, limited) })
  t.equal(await store.replace(newRecord(), limited), true)
  t.equal((await pool.query('select from archive')).rows.length, 3)
})
