import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import t, { type Test } from 'tap'
import { postgresMigration } from '../../lib/stores/postgres.ts'
import { hashToken } from '../../lib/token.ts'
import { Blocks, readPages } from '../docs/pages.ts'
import { earlierVersions, type EarlierVersion } from '../helpers/earlier-versions.ts'
import { admin, generate, startHost } from '../helpers/host.ts'
import { startPostgres } from '../helpers/postgres.ts'
import { addScimRoutes, scimPath } from '../helpers/scim-host.ts'

// MIGRATION_TENANTS=100000 MIGRATION_AUDIT_ROWS=1000000 for the sizes of a large installation.
const tenants = Number(process.env['MIGRATION_TENANTS'] ?? 500)
const auditRows = Number(process.env['MIGRATION_AUDIT_ROWS'] ?? 5000)
t.setTimeout(300_000)

const [buildIndex = '', changeKeyAndCheckRows = ''] = new Blocks(await readPages()).all('docs/operations.md', 'Deploy', 'sql')
const [changeKey = '', checkRows = ''] = changeKeyAndCheckRows.split(/(?<=^commit;\n)/m)

const token = 'scim_4eDSyp7eV8rHF61DuGmF5O4rzjDQmaIpKRLtZZ4Wjrq1q4mCu'

const server = await startPostgres()
t.teardown(() => server.stop())

/** Fills a new database with the tables of an earlier version, and starts two of its nodes over it. */
async function startEarlierNodes (t: Test, { migration, createStore }: EarlierVersion) {
  const superuser = new pg.Client({ connectionString: server.url })
  await superuser.connect()
  const name = `d_${Date.now()}`
  await superuser.query(`create database ${name}`)
  await superuser.end()
  const url = new URL(server.url)
  url.pathname = `/${name}`
  const connect = async (applicationName: string) => {
    const client = new pg.Client({ connectionString: url.href, application_name: applicationName })
    await client.connect()
    t.teardown(() => client.end())
    return client
  }

  const db = await connect('operator')
  await db.query(migration)
  await db.query("insert into scim_settings (tenant, enabled, token_hash, token_created_at) select 'tenant ' || i, true, $1, now() from generate_series(1, $2::int) i", [hashToken(token), tenants])
  await db.query("insert into scim_token_audit (tenant, token_hash, created_by) select 'tenant ' || i % $2 + 1, $1, 'ada' from generate_series(1, $3::int) i", [hashToken(token), tenants, auditRows])
  await db.query("insert into scim_settings (tenant, enabled) values ('another tenant', true)")
  await db.query('vacuum analyze')

  const nodes = await Promise.all([1, 2].map(async () => {
    const pool = new pg.Pool({ connectionString: url.href, application_name: 'node', max: 5, query_timeout: 3000 })
    // The server may stop before the pool has closed its connections.
    pool.on('error', () => {})
    t.teardown(() => pool.end())
    const store = createStore(pool, ({ headers }) => String(headers['x-tenant']))
    return (await startHost(t, { store, routes: addScimRoutes })).app
  }))
  return { db, url: url.href, nodes, connect }
}

/** Verifies tokens at all nodes, and generates some, until it is stopped. */
async function startLoad (nodes: FastifyInstance[]) {
  const stopped = new AbortController()
  const statuses = new Map<number, number>()
  let longest = 0
  let count = 0
  const randomTenant = () => `tenant ${Math.ceil(Math.random() * tenants)}`
  const isRunning = () => !stopped.signal.aborted
  const workers = nodes.flatMap((app) => [
    ...[1, 2, 3].map(async () => {
      while (isRunning()) {
        const start = performance.now()
        const { statusCode } = await app.inject({ url: scimPath, headers: { authorization: `Bearer ${token}`, 'x-tenant': randomTenant() } })
        longest = Math.max(longest, performance.now() - start)
        statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1)
        count++
      }
    }),
    (async () => {
      while (isRunning()) {
        await generate(app, { ...admin, 'x-tenant': 'another tenant' })
        // An admin does not write all the time.
        await delay(20)
      }
    })()
  ])
  const untilVerified = async (more: number) => {
    const target = count + more
    await until(async () => count >= target)
  }
  await untilVerified(50)
  return {
    /** Resolves once every verification got 200. */
    async stop (t: Test) {
      await untilVerified(50)
      stopped.abort()
      await Promise.all(workers)
      t.comment(`verifications: ${[...statuses].map(([status, count]) => `${count} of ${status}`).join(', ')}; the longest took ${Math.round(longest)} ms`)
      t.strictSame([...statuses.keys()], [200])
    }
  }
}

async function until (condition: () => Promise<boolean>): Promise<void> {
  while (!await condition()) await delay(5)
}

const isMigrated = async (db: pg.Client) => {
  const { rows } = await db.query("select from pg_attribute where attrelid = 'scim_settings'::regclass and attname = 'written'")
  return rows.length === 1
}
const isWaiting = async (db: pg.Client) => {
  const { rows } = await db.query("select from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'migration'")
  return rows.length === 1
}

async function runTimed (t: Test, what: string, run: () => Promise<unknown>): Promise<void> {
  const start = performance.now()
  try {
    await run()
  } finally {
    t.comment(`${what} took ${Math.round(performance.now() - start)} ms`)
  }
}

const migrate = (t: Test, db: pg.Client, lockTimeout?: number) =>
  runTimed(t, 'the migration', () => db.query(postgresMigration({}, { lockTimeout })))

/** Migrates as its hint says: a statement of a node may just have locked the audit. */
async function migrateRepeatedly (t: Test, db: pg.Client): Promise<void> {
  while (!await isMigrated(db)) {
    await migrate(t, db).catch((error) => { if (error.code !== '55P03') throw error })
  }
}

// What pg_dump holds until it has dumped everything.
const dump = 'begin isolation level repeatable read read only; lock table scim_settings, scim_token_audit in access share mode'

for (const [version, earlier] of Object.entries(earlierVersions)) {
  t.test(`nodes ${version} verify tokens, and the tables are migrated as documented -> every verification gets 200`, async (t) => {
    const { db, nodes } = await startEarlierNodes(t, earlier)
    const load = await startLoad(nodes)
    await t.resolves(migrateRepeatedly(t, db))
    t.equal(await isMigrated(db), true)
    await runTimed(t, 'building the index', () => db.query(buildIndex))
    await runTimed(t, 'changing the key', () => db.query(changeKey))
    await runTimed(t, 'checking the rows', () => db.query(checkRows))
    await load.stop(t)
    const { rows } = await db.query("select pg_get_constraintdef(oid) as constraint, convalidated as valid from pg_constraint where conrelid = 'scim_token_audit'::regclass and contype in ('c', 'p') order by contype")
    t.strictSame(rows, [{ constraint: 'CHECK ((num_nonnulls(token_hash, enabled) = 1))', valid: true }, { constraint: 'PRIMARY KEY (tenant, id)', valid: true }])
  })

  t.test(`nodes ${version} verify tokens, and a backup is running -> the migration fails and names it, changes nothing, and works after the backup; every verification gets 200`, async (t) => {
    const { db, nodes, connect } = await startEarlierNodes(t, earlier)
    const backup = await connect('pg_dump')
    await backup.query(dump)
    const load = await startLoad(nodes)
    await t.rejects(migrate(t, db), {
      code: '55P03',
      message: 'fastify-scim-token: the tables could not be locked within 500 ms, and nothing was changed',
      hint: /^Try again\. The tables are locked by .*process \d+ \(role postgres, application "pg_dump"\): AccessShareLock on scim_settings/
    })
    t.equal(await isMigrated(db), false)
    await backup.query('commit')
    await t.resolves(migrateRepeatedly(t, db))
    await load.stop(t)
    t.equal(await isMigrated(db), true)
  })

  t.test(`nodes ${version} verify tokens, and only the audit is being read -> the migration fails without waiting, and no verification waits`, async (t) => {
    const { db, nodes, connect } = await startEarlierNodes(t, earlier)
    const reader = await connect('report')
    await reader.query('begin; select count(*) from scim_token_audit')
    const load = await startLoad(nodes)
    await t.rejects(migrate(t, db, 60_000), { code: '55P03', hint: /application "report"\): AccessShareLock on scim_token_audit/ })
    t.equal(await isMigrated(db), false)
    await load.stop(t)
  })

  t.test(`nodes ${version} verify tokens, and the process that migrates is killed while it waits -> its request for a lock goes with the lock timeout, nothing is changed, and every verification gets 200`, async (t) => {
    const { db, url, nodes, connect } = await startEarlierNodes(t, earlier)
    const backup = await connect('pg_dump')
    await backup.query(dump)
    const load = await startLoad(nodes)
    const program = `
      import pg from 'pg'
      const client = new pg.Client({ connectionString: process.env.URL, application_name: 'migration' })
      await client.connect()
      await client.query(process.env.MIGRATION)`
    const node = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: import.meta.dirname, env: { URL: url, MIGRATION: postgresMigration({}, { lockTimeout: 1500 }) }, stdio: 'ignore'
    })
    await until(() => isWaiting(db))
    node.kill('SIGKILL')
    await once(node, 'exit')
    t.equal(await isWaiting(db), true, 'the server does not know yet')
    await until(async () => !await isWaiting(db))
    t.equal(await isMigrated(db), false)
    await backup.query('commit')
    await load.stop(t)
    t.equal(await isMigrated(db), false, 'nothing is applied later')
  })
}
