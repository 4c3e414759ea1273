import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import pg from 'pg'
import t from 'tap'
import { connectPool, type Queryable } from '../../examples/scim/postgres-pool.ts'
import { generatePath } from '../helpers/host.ts'
import { runFailingHost, startHostProcess } from '../helpers/host-process.ts'
import { startPausableProxy } from '../helpers/pausable-proxy.ts'
import { startPostgres } from '../helpers/postgres.ts'

const admin = { authorization: '*:*.example-admin' }
const postgres = await startPostgres()
t.teardown(() => postgres.stop())
const env = { DATABASE_URL: postgres.url, RATE_LIMIT: '0' }
const [one, other] = await Promise.all([startHostProcess(t, env), startHostProcess(t, env)])

t.test('two hosts on one database -> the same sessions and tokens are valid on both', async (t) => {
  const login = await fetch(`${one.url}/auth/simple/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password: 'example-admin-password' })
  })
  const [cookie = ''] = login.headers.get('set-cookie')?.split(';') ?? []

  const tokens: string[] = []
  for (const { url } of [one, other]) {
    const generated = await fetch(url + generatePath, { method: 'POST', headers: { cookie } })
    t.equal(generated.status, 200, 'the cookie of one host is valid on both')
    tokens.push(Object(await generated.json()).token)
  }
  for (const { url } of [one, other]) {
    const statuses = tokens.map(async (token) =>
      (await fetch(`${url}/scim/Users`, { headers: { authorization: `Bearer ${token}` } })).status)
    t.strictSame(await Promise.all(statuses), [401, 200], 'the last token of both is the valid one')
  }
})

t.test('the connection is terminated while a SCIM request writes -> 503 with Retry-After, and the next request is served', async (t) => {
  const [db, locked] = [new pg.Client(postgres.url), new pg.Client(postgres.url)]
  for (const client of [db, locked]) {
    await client.connect()
    t.teardown(() => client.end())
  }
  const { token } = Object(await (await fetch(other.url + generatePath, { method: 'POST', headers: admin })).json())
  const createUser = () => fetch(`${other.url}/scim/Users`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' },
    body: JSON.stringify({ schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'], userName: 'terminated@example.com' })
  })

  await locked.query('begin; lock table scim_users')
  const interrupted = createUser()
  while ((await db.query("select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'")).rowCount === 0);
  const { status, headers } = await interrupted
  t.equal(status, 503)
  t.equal(headers.get('retry-after'), '5')

  await locked.query('rollback')
  t.equal((await createUser()).status, 201)
})

t.test('a connection is lost in a transaction -> it rejects, and the pool opens another one', async (t) => {
  const db = new pg.Client(postgres.url)
  await db.connect()
  t.teardown(() => db.end())
  const { port, href } = new URL(postgres.url)
  const proxy = await startPausableProxy(Number(port))
  t.teardown(() => proxy.close())
  const pool = connectPool({ connectionString: href.replace(port, String(proxy.port)), max: 1 })
  t.teardown(() => pool.close())

  const losses = { terminated: (pid: number) => db.query('select pg_terminate_backend($1)', [pid]), reset: () => proxy.reset() }
  const moments = {
    'during a statement': (transaction: Queryable, lose: () => unknown) => Promise.all([transaction.query('select pg_sleep(60)'), lose()]),
    async 'between two statements' (transaction: Queryable, lose: () => unknown, pid: number) {
      await lose()
      while ((await db.query('select from pg_stat_activity where pid = $1', [pid])).rowCount !== 0);
      await transaction.query('select 1')
    }
  }
  for (const [loss, lose] of Object.entries(losses)) {
    for (const [moment, work] of Object.entries(moments)) {
      await t.rejects(pool.transaction(async (transaction) => {
        const { rows: [backend] } = await transaction.query<{ pid: number }>('select pg_backend_pid() as pid')
        await work(transaction, () => lose(backend!.pid), backend!.pid)
      }), `${loss} ${moment}`)
      t.strictSame((await pool.query('select 1 as one')).rows, [{ one: 1 }])
    }
  }
})

t.test('SIGTERM under load -> the host finishes the requests it has begun and exits with 0', async (t) => {
  const db = new pg.Client(postgres.url)
  await db.connect()
  t.teardown(() => db.end())
  const audited = async (): Promise<number> => (await db.query('select count(*)::int from scim_token_audit')).rows[0].count
  const before = await audited()

  const outcomes: (number | 'unreachable')[] = []
  async function generateUntilStopped (): Promise<void> {
    for (let i = 0; i < 1000; i++) {
      const outcome = await fetch(one.url + generatePath, { method: 'POST', headers: admin }).then(({ status }) => status, () => 'unreachable' as const)
      if (outcomes.push(outcome) === 100) one.kill('SIGTERM')
      if (outcome !== 200) return
    }
  }
  await Promise.all(Array.from({ length: 20 }, generateUntilStopped))

  t.equal(await one.exit, 0)
  t.equal(await audited() - before, outcomes.filter((outcome) => outcome === 200).length, 'each stored token was sent to its client')
  t.strictSame(outcomes.filter((outcome) => ![200, 503, 'unreachable'].includes(outcome)), [])
  t.notMatch(one.output(), /"level":50/, 'no error in the log')
})

t.test('a second SIGINT while a client sends its request slowly -> the host exits at once', async (t) => {
  const { port, hostname } = new URL(other.url)
  const client = connect(Number(port), hostname)
  t.teardown(() => client.destroy())
  client.on('error', () => {})
  client.write(`POST ${generatePath} HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: ${admin.authorization}\r\ncontent-length: 2\r\n\r\n{`)
  await once(client, 'connect')
  await other.waitForOutput(new RegExp(`"remotePort":${client.localPort}}`))

  const pressing = setInterval(() => other.kill('SIGINT'), 100)
  t.equal(await other.exit, 1)
  clearInterval(pressing)
  t.match(other.output(), 'a second SIGINT')
})

t.test('a host has started -> its role has a statement_timeout on new connections, below its query_timeout', async (t) => {
  const db = new pg.Client(postgres.url)
  await db.connect()
  t.teardown(() => db.end())
  t.strictSame((await db.query('show statement_timeout')).rows, [{ statement_timeout: '2500ms' }])
})

t.test('SCIM_SETTINGS=none -> a host without SCIM settings: 404 for generate', async (t) => {
  const host = await startHostProcess(t, { ...env, SCIM_SETTINGS: 'none' })
  t.equal((await fetch(host.url + generatePath, { method: 'POST', headers: admin })).status, 404)
  const settings = await fetch(`${host.url}/api/admin/scim-settings`, { headers: admin })
  t.strictSame(await settings.json(), { enabled: false, hasToken: false })
})

t.test('a configuration that the host cannot start with -> exit code 1 and one sentence', async (t) => {
  const busy = createServer().listen(0, '127.0.0.1')
  await once(busy, 'listening')
  t.teardown(() => busy.close())
  const { port } = busy.address() as AddressInfo

  const cases = [
    { with: { PORT: 'abc' }, says: 'PORT must be a whole number from 0 to 65535, got "abc".' },
    { with: { ...env, PORT: String(port) }, says: `The host cannot listen on 127.0.0.1:${port} (EADDRINUSE): set HOST or PORT to something else.` },
    { with: { DATABASE_URL: 'postgres://me:secret@127.0.0.1:1/db' }, says: 'The database of DATABASE_URL cannot be used: connect ECONNREFUSED 127.0.0.1:1.' }
  ]
  const outcomes = await Promise.all(cases.map((start) => runFailingHost(t, start.with)))
  t.strictSame(outcomes, cases.map(({ says }) => ({ code: 1, output: says })))
})
