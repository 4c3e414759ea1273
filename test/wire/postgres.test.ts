import { hash } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import { postgresMigration, postgresStore } from '../../lib/stores/postgres.ts'
import { admin, generate, generateOverSocket, startHost } from '../helpers/host.ts'
import { startPostgres } from '../helpers/postgres.ts'
import { listen } from '../helpers/raw-http.ts'
import { uuid } from '../helpers/uuid.ts'

const server = await startPostgres()
const pool = new pg.Pool({ connectionString: server.url })
// The server may stop before the pool has closed its connections.
pool.on('error', () => {})
t.teardown(async () => {
  await pool.end()
  await server.stop()
})

const store = postgresStore<{ name: string }>({ db: pool, createdBy: (user) => user.name })

t.beforeEach(async () => {
  await pool.query(`drop table if exists scim_settings, scim_token_audit; ${postgresMigration()}`)
  await pool.query("insert into scim_settings (tenant, enabled) values ('default', true)")
})

t.test('200 concurrent calls -> 200 different tokens: one is stored, all are in the audit', async (t) => {
  const { app } = await startHost(t, { store })
  const url = await listen(app)
  const responses = await Promise.all(Array.from({ length: 200 }, async () => await generateOverSocket(url, admin)))

  t.strictSame([...new Set(responses.map(({ status }) => status))], [200])
  const tokens: string[] = responses.map(({ body }) => JSON.parse(body).token)
  t.equal(new Set(tokens).size, 200)

  const { rows: settings } = await pool.query('select * from scim_settings')
  t.match(settings, [{ token_hash: String, token_created_by: 'admin' }])
  const { rows: audit } = await pool.query('select * from scim_token_audit order by id')
  t.strictSame(audit.map((row) => row.token_hash).sort(), tokens.map((token) => hash('sha256', token)).sort())
  t.equal(audit.at(-1).token_hash, settings[0].token_hash, 'the last audit row is the stored token')
})

t.test('a token is generated -> no column of the database holds it (bytebase pull 21109, objectstack issue 8192)', async (t) => {
  const { app } = await startHost(t, { store })
  const { token } = (await generate(app)).json()

  const { rows } = await pool.query(`
    select row::text from scim_settings row union all
    select row::text from scim_token_audit row`)
  const dump = rows.map(({ row }) => row).join('\n')
  t.match(dump, hash('sha256', token))
  t.notMatch(dump, token)
  t.notMatch(dump, /scim_/)
})

t.test('the database rejects the write -> 503, and the log lacks the hash that the database error contains', async (t) => {
  await pool.query('alter table scim_settings add constraint full_disk check (token_hash is null)')
  const { app, log, replaced } = await startHost(t, { store })
  const response = await generate(app)

  t.equal(response.statusCode, 503)
  const error = response.json()
  t.matchOnly(error, { id: uuid, name: 'ServiceUnavailableError', message: /may or may not/, details: [{ message: error.message }] })
  t.match(log.find(({ errorId }) => errorId === error.id), { err: { message: /violates check constraint "full_disk"/ } })

  const [record] = replaced
  const rejection = await pool.query('update scim_settings set token_hash = $1', [record?.hash]).catch((error) => error)
  t.match(rejection.detail, record?.hash)
})

t.test('the database is unreachable -> 503 without its address', async (t) => {
  const nowhere = new pg.Pool({ connectionString: 'postgresql://scim_owner@127.0.0.1:1/secret' })
  const { app, log } = await startHost(t, { store: postgresStore({ db: nowhere, createdBy: () => 'admin' }) })
  const response = await generate(app)

  t.equal(response.statusCode, 503)
  t.notMatch(response.payload, /127\.0\.0\.1|scim_owner|secret/)
  t.match(log.find(({ errorId }) => errorId === response.json().id), { level: 50, err: { message: /ECONNREFUSED/ } })
  await nowhere.end()
})
