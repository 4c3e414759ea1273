import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import Fastify from 'fastify'
import pg from 'pg'
import t from 'tap'
import { sendScimError } from '../lib/index.ts'
import { postgresMigration, postgresStore } from '../lib/stores/postgres.ts'
import { Blocks, readPages } from './docs/pages.ts'
import { earlierVersions } from './helpers/earlier-versions.ts'
import { generate, registerScimToken, startHost, users, viewer } from './helpers/host.ts'
import type { Log } from './helpers/log.ts'
import { startPausableProxy } from './helpers/pausable-proxy.ts'
import { startPostgres } from './helpers/postgres.ts'
import { listen } from './helpers/raw-http.ts'
import { addScimRoutes, scimPath } from './helpers/scim-host.ts'
import { createStoreContext } from './helpers/store-context.ts'

// The blocks of the page, in its order, on one database. An old node runs from the first to the last step of the deployment.

const page = 'docs/operations.md'
const markdown = (await readPages()).get(page) ?? ''
const blocks = new Blocks(new Map([[page, markdown]]))
const sql = (section: string) => blocks.all(page, section, 'sql')

const server = await startPostgres()
const url = (role: string) => server.url.replace('//postgres@', `//${role}@`)
const pools: pg.Pool[] = []
const connect = (role: string, config: pg.PoolConfig = {}) => {
  const pool = new pg.Pool({ connectionString: url(role), ...config })
  pool.on('error', () => {})
  pools.push(pool)
  return pool
}
t.teardown(async () => {
  await Promise.all(pools.map((pool) => pool.end()))
  await server.stop()
})

process.env['DATABASE_URL'] = url('app')
const folder = t.testdir(blocks.files(page))
const load = async (file: string) => await import(pathToFileURL(join(folder, file)).href)

const superuser = connect('postgres')
await superuser.query('create role owner login; create role app login; grant create on schema public to owner')
const [owner, app] = [connect('owner'), connect('app')]
const tenantOf = ({ headers }: { headers: object }) => String(Object(headers)['x-tenant'] ?? 'default')
const createdBy = ({ name }: { name: string }) => name
const store = postgresStore({ db: app, createdBy, tenant: tenantOf })
const context = await createStoreContext({ name: 'ada' })
const record = (digit: string) => ({ hash: digit.repeat(64), createdAt: new Date() })

async function untilWaitingForLock (connections = 1): Promise<void> {
  while ((await superuser.query("select from pg_stat_activity where wait_event_type = 'Lock'")).rows.length < connections);
}

/** Returns a function that verifies the token at a host. */
const verifyAt = (host: { inject: Function }, token: string) => async (): Promise<number> =>
  (await host.inject({ url: scimPath, headers: { authorization: `Bearer ${token}` } })).statusCode

t.test('Deploy: an old node runs on, and the steps are done in their order -> it verifies after each, the new node writes, and the app has no other privileges', async (t) => {
  const earlier = earlierVersions['with two fences']
  await owner.query(earlier.migration)
  await owner.query(`
    insert into scim_settings (tenant, enabled) values ('default', true);
    grant select on scim_settings to app;
    grant insert (tenant, enabled, enabled_fence) on scim_settings to app;
    grant update (enabled, token_hash, token_created_at, token_created_by, fence, token_fence, enabled_fence) on scim_settings to app;
    grant insert (tenant, token_hash, enabled, created_by) on scim_token_audit to app`)
  const { app: oldNode } = await startHost(t, { store: { ...earlier.createStore(app) }, routes: addScimRoutes })
  const token = (await generate(oldNode)).json().token
  const verify = verifyAt(oldNode, token)
  t.equal(await verify(), 200)

  const [buildIndex = '', changeKey = '', grants = '', revoke = ''] = sql('Deploy')
  await owner.query(postgresMigration())
  t.equal(await verify(), 200, 'migrated')
  const writer = await superuser.connect()
  await writer.query("begin; insert into scim_token_audit (tenant, enabled, created_by) values ('another', true, 'operator')")
  const built = owner.query(buildIndex)
  await untilWaitingForLock()
  await postgresStore({ db: superuser, createdBy, tenant: () => 'another' }).setEnabled(true, context)
  t.equal(await verify(), 200, 'the index is being built')
  await writer.query('commit')
  writer.release()
  await built
  t.equal(await verify(), 200, 'the index is built')
  const key = await owner.connect()
  for (const statement of changeKey.split(/;\n/)) await key.query(statement)
  key.release()
  t.equal(await verify(), 200, 'the key is changed')
  t.equal((await generate(oldNode)).statusCode, 503, 'the old node cannot write')

  await owner.query(grants)
  t.equal(await verify(), 200, 'the privileges are granted')
  const { app: newNode } = await startHost(t, { store, routes: addScimRoutes })
  const newToken = (await generate(newNode)).json().token
  t.strictSame([await verify(), await verifyAt(oldNode, newToken)()], [401, 200], 'both nodes know the new token')
  await owner.query(revoke)
  t.strictSame([await verifyAt(oldNode, newToken)(), (await generate(newNode)).statusCode], [200, 200])
  await t.resolves(async () => { await postgresStore({ db: app, createdBy, tenant: () => 'a new tenant' }).setEnabled(true, context) })
  t.strictSame(await store.getSettings(context), { enabled: true, hasToken: true })

  for (const statement of [
    "insert into scim_token_audit (tenant, enabled, created_by, created_at) values ('default', true, 'ada', '2020-01-01')",
    "update scim_token_audit set created_by = 'grace'",
    'delete from scim_token_audit',
    'truncate scim_token_audit',
    'select created_by from scim_token_audit',
    'delete from scim_settings',
    "insert into scim_settings (tenant, enabled) values ('other', true)",
    "update scim_settings set tenant = 'other'",
    'drop table scim_token_audit',
    'create table more ()'
  ]) {
    await t.rejects(app.query(statement), { message: /^(permission denied|must be owner)/ }, statement)
  }
  await t.resolves(app.query(postgresMigration()), 'the app may run the migration')
})

t.test('Set up a tenant -> a token is generated for it, and the audit has who enabled SCIM; again, it changes nothing', async (t) => {
  const [setUp = ''] = sql('Set up a tenant').map((statement) => statement.replace("'default'", "'acme'"))
  const acme = postgresStore({ db: app, createdBy, tenant: () => 'acme' })
  t.equal(await acme.replace(record('a'), context), false)
  await owner.query(setUp)
  t.equal(await acme.replace(record('a'), context), true)
  await acme.setEnabled(false, context)
  await owner.query(setUp)
  t.equal(await acme.find(context), null)
  const { rows } = await owner.query("select enabled, created_by from scim_token_audit where tenant = 'acme' order by id")
  t.strictSame(rows, [{ enabled: true, created_by: 'operator' }, { enabled: null, created_by: 'ada' }, { enabled: false, created_by: 'ada' }])
})

t.test('Read the audit -> the last events of the tenant', async (t) => {
  await store.setEnabled(false, context)
  await store.setEnabled(true, context)
  const { rows } = await owner.query(sql('Read the audit')[0]!)
  t.strictSame(rows.slice(0, 3).map(({ event, created_by: by }) => [event, by]), [['SCIM enabled', 'ada'], ['SCIM disabled', 'ada'], ['token generated', 'admin']])
})

t.test('A pool for writes: the row of a tenant is locked and ten writes wait for it -> 20 of 20 verifications time out with one pool, and none with two', async (t) => {
  const { store: twoPools, pools: twoPoolsOfPage } = await load('store.mjs')
  pools.push(...twoPoolsOfPage)
  const onePool = postgresStore({ db: connect('app', { max: 5, connectionTimeoutMillis: 300, query_timeout: 3000 }), createdBy })

  for (const [starvable, waiting, expected] of [[onePool, 5, 503], [twoPools, 2, 200]] as const) {
    const { app: host } = await startHost(t, { store: starvable, routes: addScimRoutes })
    const { token } = (await generate(host)).json()
    const lock = await superuser.connect()
    await lock.query("begin; select from scim_settings where tenant = 'default' for update")
    const writes = Promise.allSettled(Array.from({ length: 5 }, () => [starvable.replace(record('c'), context), starvable.setEnabled(true, context)]).flat())
    await untilWaitingForLock(waiting)
    const statuses = await Promise.all(Array.from({ length: 20 }, verifyAt(host, token)))
    t.strictSame(statuses, Array(20).fill(expected))
    await lock.query('rollback')
    lock.release()
    await writes
  }
})

t.test('Log and alerts -> the commands find failures and changes, and the statement finds an old token', async (t) => {
  const { app: host, log } = await startHost(t, {
    store: { ...store, find: () => { throw new Error('down') } },
    async routes (scim) {
      scim.setErrorHandler(sendScimError)
      await addScimRoutes(scim)
    }
  })
  const { token } = (await generate(host)).json()
  t.equal(await verifyAt(host, token)(), 503)
  const cwd = t.testdir({ 'app.log': log.map((line) => JSON.stringify(line)).join('\n') })
  const [failures = '', changes = ''] = blocks.one(page, 'Log and alerts', 'sh').trim().split('\n')
  const run = async (command: string) => (await promisify(execFile)('sh', ['-c', command], { cwd })).stdout.trim().split('\n').map((line) => JSON.parse(line))
  t.match(await run(failures), [{ level: 50, err: { code: 'SCIM_STORE_FAILED' } }])
  t.match(await run(changes), [{ level: 30, event: 'generated' }])

  t.match(markdown, '`request.log = request.log.child({ user: user.name })`')
  const { app: bound, log: boundLog } = await startHost(t, {
    resolver: {
      ...users,
      async authenticate (request) {
        const user = await users.authenticate(request)
        if (user) request.log = request.log.child({ user: user.name })
        return user
      }
    },
    store
  })
  await generate(bound)
  await generate(bound, viewer)
  t.match(boundLog.filter(({ event, err }) => event ?? err), [{ user: 'admin', event: 'generated' }, { user: 'viewer', err: { code: 'SCIM_ADMIN_FORBIDDEN' } }])

  const [findOld = ''] = sql('Log and alerts')
  t.strictSame((await owner.query(findOld)).rows, [])
  await superuser.query("update scim_settings set token_created_at = '2020-01-01' where tenant = 'default'")
  t.match((await owner.query(findOld)).rows, [{ tenant: 'default', token_created_by: 'admin' }])

  const codes = [...markdown.matchAll(/^\| `(SCIM_\w+)` \|/gm)].map(([, code]) => code)
  t.equal(codes.length, 16)
})

t.test('Channels -> rejections are counted by their code', async (t) => {
  const { rejections } = await load('metrics.mjs')
  const { app: host } = await startHost(t, { store, routes: addScimRoutes })
  await host.inject(scimPath)
  await generate(host, {})
  t.strictSame([...rejections], [['SCIM_TOKEN_MISSING', 1], ['SCIM_ADMIN_UNAUTHENTICATED', 1]])
})

t.test('When a token was last used -> recorded once, for accepted requests alone, and no request waits for the database or fails with it', async (t) => {
  await owner.query(sql('When a token was last used')[0]!)
  const { recordLastUsed } = await load('last-used.mjs')
  const statements: Promise<unknown>[] = []
  const db = {
    query: (text: string, values: unknown[]) => {
      const result = app.query(text, values)
      statements.push(result)
      return result
    }
  }
  const { app: host } = await startHost(t, {
    store,
    prepare: (app) => app.register(async (scim) => {
      recordLastUsed(scim, db, tenantOf)
      scim.get('/created-before', async () => 'users')
    }),
    async routes (scim) {
      recordLastUsed(scim, db, tenantOf)
      scim.get('/unguarded', async () => 'users')
      await scim.register(addScimRoutes)
    }
  })
  const { token } = (await generate(host)).json()
  for (const url of [scimPath, '/unguarded', '/created-before']) await host.inject(url)
  t.equal(statements.length, 0)
  for (let i = 0; i < 3; i++) t.equal(await verifyAt(host, token)(), 200)
  t.equal(statements.length, 1)
  await statements[0]
  t.match((await app.query('select * from scim_last_used')).rows, [{ tenant: 'default', at: Date }])

  let log: Log = []
  for (const query of [() => new Promise(() => {}), () => Promise.reject(new Error('down'))]) {
    const failing = await startHost(t, {
      store,
      async routes (scim) {
        recordLastUsed(scim, { query }, tenantOf)
        await addScimRoutes(scim)
      }
    })
    t.equal(await verifyAt(failing.app, token)(), 200)
    log = failing.log
  }
  t.match(log.find(({ level }) => level === 40), { err: { message: 'down' } })
})

const revoke = sql('Revoke in an emergency')[0]!
const revokeAll = revoke.replace("  where tenant = 'default'\n", '')

t.test('Revoke in an emergency -> the token is rejected and stays so after SCIM was enabled, and the audit has it', async (t) => {
  const { app: host } = await startHost(t, { store, routes: addScimRoutes })
  const { token } = (await generate(host)).json()
  t.equal(await verifyAt(host, token)(), 200)
  await owner.query(revoke)
  t.equal(await verifyAt(host, token)(), 401)
  t.match((await owner.query("select * from scim_token_audit where tenant = 'default' order by id desc limit 1")).rows, [{ enabled: false, created_by: 'operator' }])
  await store.setEnabled(true, context)
  t.equal(await verifyAt(host, token)(), 401)
  t.equal(await verifyAt(host, (await generate(host)).json().token)(), 200)
})

t.test('Restore a backup: a token was replaced because it had leaked -> it stays invalid, all tenants are disabled, and generating works', async (t) => {
  const { app: host } = await startHost(t, { store, routes: addScimRoutes })
  const leaked = (await generate(host)).json().token
  await owner.query('create table backup as table scim_settings')
  t.equal((await generate(host)).statusCode, 200)
  await owner.query('delete from scim_settings; insert into scim_settings table backup; drop table backup')
  t.equal(await verifyAt(host, leaked)(), 200, 'the backup holds it')

  await owner.query(revokeAll)
  t.equal((await owner.query('select from scim_settings where enabled or token_hash is not null')).rows.length, 0)
  await store.setEnabled(true, context)
  t.equal(await verifyAt(host, leaked)(), 401)
  t.equal(await verifyAt(host, (await generate(host)).json().token)(), 200)
})

t.test('Revoke in an emergency: the audit already has the number, and the settings were restored -> the tenants are disabled, whether one or all', async (t) => {
  await owner.query("insert into scim_settings (tenant, enabled) values ('restored', true), ('new', true)")
  const restored = postgresStore({ db: app, createdBy, tenant: () => 'restored' })
  for (const [statement, other] of [[revoke.replace("'default'", "'restored'"), { enabled: true, hasToken: false }], [revokeAll, { enabled: false, hasToken: false }]] as const) {
    await owner.query("update scim_settings set enabled = true, fence = 4102444800000000, written = 4102444800000000 where tenant = 'restored'")
    await owner.query("insert into scim_token_audit (tenant, id, enabled, created_by) values ('restored', 4102444800000001, true, 'ada') on conflict do nothing")
    await owner.query(statement)
    t.strictSame(await restored.getSettings(context), { enabled: false, hasToken: false })
    t.strictSame(await postgresStore({ db: app, createdBy, tenant: () => 'new' }).getSettings(context), other)
    await restored.setEnabled(true, context)
    t.strictSame(await restored.getSettings(context), { enabled: true, hasToken: false }, 'and can be enabled')
  }
  await owner.query("delete from scim_settings where tenant in ('restored', 'new'); delete from scim_token_audit where tenant in ('restored', 'new')")
})

t.test('Retention and erasure -> old rows, a name and a tenant are gone, and nothing else', async (t) => {
  const [retain = '', erase = '', removeTenant = ''] = sql('Retention and erasure')
  await owner.query("insert into scim_token_audit (tenant, enabled, created_by, created_at) values ('default', true, 'grace', now() - interval '3 years'), ('gone', true, 'grace', now()), ('default', true, 'grace', now())")
  await owner.query("insert into scim_settings (tenant, enabled) values ('gone', true)")
  await store.replace(record('d'), context)
  for (const statements of [retain, erase, removeTenant]) await owner.query(statements)
  const { rows } = await owner.query("select tenant from scim_token_audit where created_by = 'grace'")
  t.strictSame(rows, [{ tenant: 'default' }])
  t.equal((await owner.query("select from scim_token_audit where created_by = 'ada'")).rows.length, 0)
  t.ok((await owner.query("select from scim_token_audit where created_by = 'erased'")).rows.length > 0)
  t.strictSame((await owner.query("select distinct token_created_by as by from scim_settings where token_created_by in ('ada', 'erased')")).rows, [{ by: 'erased' }])
  t.equal((await owner.query("select from scim_settings where tenant = 'gone'")).rows.length, 0)
})

// The page is about the year in which it was written.
const year = new Date().getUTCFullYear()
const [isBefore = '', check = '', dropCheck = '', partition = '', removeYear = ''] = sql('Partitions').map((statements) =>
  statements.replaceAll('1798761600000000', `${Date.UTC(year + 1) * 1000}`).replaceAll('2027', `${year + 1}`).replaceAll('2026', `${year}`))

t.test('Partitions: a node runs on -> it writes in each step, a year is removed without its other rows, and the app has no other privileges', async (t) => {
  const node = postgresStore({ db: app, createdBy, tenant: tenantOf, preparedStatements: true })
  const writeAndFindPartition = async (digit: string) => {
    await node.replace(record(digit), context)
    const { rows } = await owner.query('select tableoid::regclass::text as partition from scim_token_audit where token_hash = $1', [digit.repeat(64)])
    return rows
  }
  const runSeparately = async (statements: string) => { for (const statement of statements.trim().split(/;\n/)) await owner.query(statement) }

  t.strictSame(await writeAndFindPartition('1'), [{ partition: 'scim_token_audit' }])
  t.strictSame((await owner.query(isBefore)).rows, [{ [`before_${year + 1}`]: true }])
  await owner.query(check)
  t.strictSame(await writeAndFindPartition('2'), [{ partition: 'scim_token_audit' }])
  await owner.query(partition)
  t.strictSame(await writeAndFindPartition('3'), [{ partition: `scim_token_audit_${year}` }])
  await t.resolves(app.query(postgresMigration()))
  for (const table of ['scim_token_audit', `scim_token_audit_${year}`]) await t.rejects(app.query(`select from ${table}`), { message: /permission denied/ })

  const later = (year: number) => owner.query("insert into scim_token_audit (tenant, id, enabled, created_by) values ('default', $1, true, $2)", [Date.UTC(year) * 1000, `${year}`])
  for (const other of [year + 1, year + 2, 2049, 2050, 2100]) await later(other)
  const inPartitions = async () => (await owner.query("select tableoid::regclass::text as partition, created_by from scim_token_audit where created_by ~ '^2' order by id")).rows.map(({ partition, created_by: by }) => [partition, by])
  const expected = [[`scim_token_audit_${year + 1}`, `${year + 1}`], [`scim_token_audit_${year + 2}`, `${year + 2}`], ['scim_token_audit_2049', '2049'], ['scim_token_audit_2050', '2050'], ['scim_token_audit_2050', '2100']]
  t.strictSame(await inPartitions(), expected)

  const reader = await owner.connect()
  await reader.query('begin; select from scim_token_audit')
  const removed = runSeparately(removeYear.replaceAll(`${year}`, `${year + 1}`))
  await untilWaitingForLock()
  t.strictSame(await writeAndFindPartition('4'), [{ partition: `scim_token_audit_${year}` }])
  await reader.query('commit')
  reader.release()
  await removed
  t.strictSame(await inPartitions(), expected.slice(1))
})

t.test('Row-level security -> the store works through tenantDb, without it no row is found, and rows of another tenant are neither read nor written', async (t) => {
  await owner.query(sql('Row-level security')[0]!)
  t.equal(await store.find(context), null)
  t.equal(await store.replace(record('a'), context), false)
  const { tenantDb } = await load('tenant-db.mjs')
  const db = tenantDb(app)
  const secured = postgresStore({ db, createdBy, tenant: tenantOf })
  await secured.setEnabled(true, context)
  t.equal(await secured.replace(record('b'), context), true)
  t.match(await secured.find(context), { hash: 'b'.repeat(64) })
  t.match(await secured.getSettings(context), { enabled: true, hasToken: true })
  t.strictSame((await app.query("select current_setting('app.tenant', true) as tenant")).rows.filter(({ tenant }) => tenant), [], 'no connection keeps a tenant')
  t.strictSame((await db.query('select $1::text as own, tenant from scim_settings where tenant <> $1', ['default'])).rows, [])
  await t.rejects(db.query("insert into scim_token_audit (tenant, id, enabled, created_by) values ('other', 1, true, $1)", ['default']), { message: /row-level security/ })
})

t.test('Row-level security: a connection of tenantDb is cut or terminated during a statement -> it rejects, the process goes on, and the next statement works', async (t) => {
  const { tenantDb } = await load('tenant-db.mjs')
  const proxy = await startPausableProxy(Number(new URL(server.url).port))
  const pool = connect('app', { max: 1, connectionString: url('app').replace(/:\d+\//, `:${proxy.port}/`) })
  const terminate = () => superuser.query("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'")
  for (const interrupt of [terminate, proxy.close]) {
    t.match((await tenantDb(pool).query('select $1::text as tenant', ['default'])).rows, [{ tenant: 'default' }])
    const rejected = t.rejects(tenantDb(pool).query('select $1::text, pg_sleep(60)', ['default']), { message: /terminat/ })
    while ((await superuser.query("select from pg_stat_activity where wait_event = 'PgSleep'")).rows.length === 0);
    await interrupt()
    await rejected
    t.equal(pool.totalCount, 0)
  }
})

t.test('Row-level security: a node is suspended before its commit -> SCIM is disabled once the limit of the role expires, and the node rejects the write and goes on', async (t) => {
  await superuser.query(sql('Row-level security')[1]!.replace("'5s'", "'200ms'"))
  t.teardown(() => superuser.query('alter role app reset idle_in_transaction_session_timeout'))
  const { tenantDb } = await load('tenant-db.mjs')
  const pool = connect('app', { max: 1 })
  let resume = () => {}
  const suspended = new Promise<void>((resolve) => { resume = resolve })
  pool.on('acquire', (client) => {
    const query = client.query.bind(client)
    Object.assign(client, {
      async query (text: string, values?: unknown[]) {
        if (text === 'commit') await suspended
        return await query(text, values)
      }
    })
  })
  await owner.query("update scim_settings set enabled = true where tenant = 'default'")
  const rejected = t.rejects(tenantDb(pool).query('select from scim_settings where tenant = $1 for update', ['default']))
  while ((await superuser.query("select from pg_stat_activity where state = 'idle in transaction' and usename = 'app'")).rows.length === 0);
  await connect('owner', { query_timeout: 2000 }).query(revoke)
  resume()
  await rejected
  t.match((await owner.query("select enabled from scim_settings where tenant = 'default'")).rows, [{ enabled: false }])
})

/** Creates tables of their own, and connects to them as the owner and as the app. */
async function createTables (schema: string): Promise<[pg.Pool, pg.Pool]> {
  await superuser.query(`create schema ${schema} authorization owner; grant usage on schema ${schema} to app`)
  const [owner, app] = ['owner', 'app'].map((role) => connect(role, { options: `-c search_path=${schema}` })) as [pg.Pool, pg.Pool]
  await owner.query(postgresMigration())
  await owner.query(sql('Deploy').at(-1)!)
  return [owner, app]
}

t.test('Partitions after row-level security -> a row of another tenant is still rejected, and the store works through tenantDb', async (t) => {
  const [owner, app] = await createTables('secured')
  for (const statements of [sql('Row-level security')[0]!, check, partition]) await owner.query(statements)
  const { tenantDb } = await load('tenant-db.mjs')
  const db = tenantDb(app)
  await postgresStore({ db, createdBy }).setEnabled(true, context)
  t.match((await owner.query('select tableoid::regclass::text as partition, tenant from scim_token_audit')).rows, [{ partition: `scim_token_audit_${year}`, tenant: 'default' }])
  await t.rejects(db.query("insert into scim_token_audit (tenant, id, enabled, created_by) values ('other', 1, true, $1)", ['default']), { message: /row-level security/ })
})

t.test('Partitions: a tenant with a number after the new year -> found before the check, which would fail its writes; without the constraint they succeed', async (t) => {
  const [owner, app] = await createTables('ahead')
  const ahead = postgresStore({ db: app, createdBy })
  await owner.query(`insert into scim_settings (tenant, enabled) values ('default', true); update scim_settings set fence = ${Date.UTC(year + 1) * 1000}`)
  t.strictSame((await owner.query(isBefore)).rows, [{ [`before_${year + 1}`]: false }])
  await owner.query(check)
  await t.rejects(async () => { await ahead.setEnabled(false, context) }, { code: '23514' })
  await owner.query(dropCheck)
  await ahead.setEnabled(false, context)
  t.match(await ahead.getSettings(context), { enabled: false })
})

t.test('Close a node -> a request that arrives meanwhile gets the 503 of SCIM with Retry-After, not that of Fastify', async (t) => {
  t.match(blocks.one(page, 'Close a node', 'js'), 'return503OnClosing: false')
  for (const [return503OnClosing, expected] of [[true, undefined], [false, '5']] as const) {
    const host = Fastify({ return503OnClosing })
    registerScimToken(host, { resolver: users, store: { find: () => Promise.reject(new Error('the pool is closed')), replace: () => false } })
    host.register(async (scim) => {
      scim.setErrorHandler(sendScimError)
      await addScimRoutes(scim)
    })
    let send = async (): Promise<Response> => { throw new Error('not listening') }
    let response: Response | undefined
    // The server still accepts connections while these hooks run.
    host.addHook('preClose', async () => { response = await send() })
    const address = await listen(host)
    send = () => fetch(`${address}${scimPath}`, { headers: { authorization: 'Bearer scim_4eDSyp7eV8rHF61DuGmF5O4rzjDQmaIpKRLtZZ4Wjrq1q4mCu' } })
    await host.close()
    t.equal(response?.status, 503)
    t.equal(response?.headers.get('retry-after') ?? undefined, expected)
  }
})

t.test('the page -> each of its blocks was run', async (t) => {
  t.strictSame(blocks.unused(), [])
})
