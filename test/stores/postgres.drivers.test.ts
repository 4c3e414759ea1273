import { randomBytes } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import { memoryStore } from '../../lib/stores/memory.ts'
import { postgresMigration, postgresStore, type Queryable } from '../../lib/stores/postgres.ts'
import { generate, startHost } from '../helpers/host.ts'
import { startPostgres } from '../helpers/postgres.ts'
import { createStoreContext } from '../helpers/store-context.ts'
import { uuid } from '../helpers/uuid.ts'

const server = await startPostgres()
const pool = new pg.Pool({ connectionString: server.url })
pool.on('error', () => {})
t.teardown(async () => {
  await pool.end()
  await server.stop()
})

const context = await createStoreContext({})
const createdBy = () => 'ada'
const newRecord = () => ({ hash: randomBytes(32).toString('hex'), createdAt: new Date('2026-03-04T05:06:07.089Z') })
await pool.query(postgresMigration())
await pool.query('create table settings_like (like scim_settings including all)')

const text = 25
const parsers: Record<string, (value: string) => unknown> = {
  'objects of its own': (value) => ({ raw: value }),
  'BigInt or NaN': (value) => /^\d+$/.test(value) ? BigInt(value) : NaN,
  'numbers for booleans': (value) => value === 't' ? 1 : value === 'f' ? 0 : value,
  null: () => null
}
const configs: [what: string, config: pg.PoolConfig][] = [
  ...['ISO', 'SQL, DMY', 'German', 'Postgres, MDY'].map((style): [string, pg.PoolConfig] => [`datestyle ${style}`, { options: `-c datestyle=${style.replaceAll(' ', '\\ ')}` }]),
  ['the time zone Asia/Kathmandu', { options: '-c timezone=Asia/Kathmandu' }],
  ...Object.entries(parsers).map(([what, parse]): [string, pg.PoolConfig] => [
    `a driver that parses all but text to ${what}`, { types: { getTypeParser: (oid) => oid === text ? (value: string) => value : Object(parse) } }
  ])
]

for (const [what, config] of configs) {
  t.test(`${what} -> the record, the settings and both writes as with the defaults`, async (t) => {
    const db = new pg.Pool({ connectionString: server.url, ...config })
    db.on('error', () => {})
    t.teardown(() => db.end())
    const store = postgresStore({ db, createdBy, tenant: () => what })
    await store.setEnabled(true, context)
    const record = newRecord()
    t.equal(await store.replace(record, context), true)
    t.strictSame(await store.find(context), record)
    t.strictSame(await store.getSettings(context), { enabled: true, hasToken: true })
    await store.setEnabled(false, context)
    t.strictSame(await store.getSettings(context), { enabled: false, hasToken: true })
  })
}

t.test('a table or a column is missing -> the error names postgresMigration, and has that of PostgreSQL as its cause', async (t) => {
  await pool.query('create table without_columns (tenant text)')
  for (const settings of ['nowhere', 'without_columns']) {
    const store = postgresStore({ db: pool, createdBy, tables: { settings } })
    for (const call of [() => store.find(context), () => store.getSettings(context), () => store.replace(newRecord(), context), () => store.setEnabled(true, context)]) {
      await t.rejects(async () => await call(), { message: /run the SQL of postgresMigration\(\)/, cause: { code: /^42(P01|703)$/ } })
    }
  }
})

t.test('a trigger drops what is written to the settings -> a 404 or an error, never a success, and no loop', async (t) => {
  await pool.query(`
    create function drop_row () returns trigger language plpgsql as $$ begin return null; end $$;
    create trigger drop_row before insert or update on settings_like for each row execute function drop_row();`)
  let statements = 0
  const db: Queryable = { query: (text, values) => { statements++; return pool.query(text, values) } }
  const store = postgresStore({ db, createdBy, tables: { settings: 'settings_like' } })
  await t.rejects(async () => await store.setEnabled(true, context), { message: /the database has not stored the row in "settings_like"/ })
  t.equal(await store.replace(newRecord(), context), false)
  t.equal(statements, 2)
})

t.test('a trigger drops only the second statement of a write -> it times out after few statements, and other work runs', async (t) => {
  await pool.query(`
    create table half_dropped (like scim_settings including all);
    insert into half_dropped (tenant, enabled) values ('default', true);
    create function drop_written () returns trigger language plpgsql as $$ begin return case when new.written = old.written then new end; end $$;
    create trigger drop_written before update on half_dropped for each row execute function drop_written();`)
  let statements = 0
  const db: Queryable = { query: (text, values) => { statements++; return pool.query(text, values) } }
  const store = postgresStore({ db, createdBy, tables: { settings: 'half_dropped' } })
  const { app } = await startHost(t, { store, options: { timeout: 500 } })
  t.match(await generate(app), { statusCode: 503, payload: /may or may not have been stored/ })
  t.ok(statements < 100, `${statements} statements`)
})

const broken: Record<string, () => ReturnType<typeof postgresStore>> = {
  'a missing table': () => postgresStore({ db: pool, createdBy, tables: { settings: 'nowhere' } }),
  'a createdBy that throws': () => postgresStore({ db: pool, createdBy: () => { throw new Error('no name') } }),
  'a tenant that throws': () => postgresStore({ db: pool, createdBy, tenant: () => { throw new Error('no tenant') } }),
  'a read-only database': () => postgresStore({ db: readOnly, createdBy })
}
const readOnly = new pg.Pool({ connectionString: server.url, options: '-c default_transaction_read_only=on' })
readOnly.on('error', () => {})
t.teardown(() => readOnly.end())

for (const [what, open] of Object.entries(broken)) {
  t.test(`${what} -> 503 that sends the admin to the log, whose line has the cause`, async (t) => {
    const { app, log } = await startHost(t, { store: open() })
    const response = await generate(app)
    t.equal(response.statusCode, 503)
    const { id, message } = response.json()
    t.match({ id, message }, { id: uuid, message: /safe to try again\. The log of the server has the cause under this id\./ })
    const line = log.find(({ errorId }) => errorId === id)
    t.match(line, { level: 50, err: { stack: /postgresMigration|no name|no tenant|read-only/ } })
  })
}

t.test('PostgreSQL repeats the hash in its error, and the logger writes every property and cause -> the log lacks it', async (t) => {
  const hash = randomBytes(32).toString('hex')
  const thrown = Object.assign(new Error(`Failing row contains (default, \\x${hash}, ${hash.toUpperCase()}, x${hash}y).`, { cause: new Error(hash) }), {
    detail: `Key (token_hash)=(${hash}) already exists.`, where: hash, internalQuery: hash, parameters: [hash]
  })
  const { app, log } = await startHost(t, { store: { ...memoryStore(), replace: async () => { throw thrown } } })
  const { id } = (await generate(app)).json()
  const line = log.find(({ errorId }) => errorId === id)
  t.match(line, { err: { stack: /Failing row contains/ } })
  t.notMatch(JSON.stringify(line).toLowerCase(), hash)
})
