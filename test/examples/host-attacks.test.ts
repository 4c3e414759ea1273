import { once } from 'node:events'
import { connect } from 'node:net'
import pg from 'pg'
import t, { type Test } from 'tap'
import { readConfig } from '../../examples/host/config.ts'
import { startExampleHost } from '../helpers/example-host.ts'
import { generatePath } from '../helpers/host.ts'
import { startPostgres } from '../helpers/postgres.ts'

const postgres = await startPostgres()
t.teardown(() => postgres.stop())
const secrets = { ADMIN_TOKEN: 'token-1', ADMIN_PASSWORD: 'password-1', VIEWER_TOKEN: 'token-2', VIEWER_PASSWORD: 'password-2' }
const admin = { username: 'admin', password: 'example-admin-password' }
const loginPath = '/auth/simple/login'

async function startHost (t: Test, env: NodeJS.ProcessEnv = {}) {
  const { app, url } = await startExampleHost(t, { DATABASE_URL: postgres.url, ...env })
  const login = (body: object, headers: Record<string, string> = {}) => app.inject({ method: 'POST', url: loginPath, body, headers })
  const cookieOf = async (body: object) => String((await login(body)).headers['set-cookie']).split(';')[0] ?? ''
  const generate = async (headers: Record<string, string>) => (await app.inject({ method: 'POST', url: generatePath, headers })).statusCode
  return { app, url, login, cookieOf, generate }
}

t.test('a default secret on an address that others reach -> does not start, and names the variable', async (t) => {
  for (const reachable of [{ HOST: '0.0.0.0' }, { HOST: '::' }, { HOST: '192.0.2.1' }, { HOST: 'example.com' }, { HOST: '127.example.com' }, { TRUST_PROXY: '127.0.0.1' }]) {
    t.doesNotThrow(() => readConfig({ ...reachable, ...secrets }))
    for (const name of Object.keys(secrets)) {
      for (const value of [undefined, '', readConfig({}).adminToken, readConfig({}).adminPassword, readConfig({}).viewerToken, readConfig({}).viewerPassword]) {
        const env = { ...reachable, ...secrets, [name]: value }
        const isDefault = !value || value === Object({ ADMIN_TOKEN: '*:*.example-admin', ADMIN_PASSWORD: 'example-admin-password', VIEWER_TOKEN: '*:*.example-viewer', VIEWER_PASSWORD: 'example-viewer-password' })[name]
        if (isDefault) t.throws(() => readConfig(env), { message: new RegExp(`^${name} must be a secret of your own`) }, JSON.stringify(env))
      }
    }
  }
  for (const HOST of ['', 'localhost', '127.0.0.1', '127.1.2.3', '::1']) t.doesNotThrow(() => readConfig({ HOST }), HOST)
})

t.test('the documentation of the API -> has no secret, and cannot be framed', async (t) => {
  const { app } = await startHost(t)
  const document = await app.inject('/docs/json')
  for (const secret of ['*:*.example-admin', '*:*.example-viewer', 'example-admin-password', 'example-viewer-password']) t.notOk(document.body.includes(secret), secret)
  for (const path of ['/docs/', '/docs/static/swagger-initializer.js']) {
    const { statusCode, headers } = await app.inject(path)
    t.equal(statusCode, 200, path)
    t.match(headers, {
      'content-security-policy': /^default-src 'self';.*frame-ancestors 'none';.*script-src 'self'/,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY'
    }, path)
    t.notMatch(headers['content-security-policy'], 'upgrade-insecure-requests')
  }
  t.match(document.headers, { 'x-content-type-options': 'nosniff' })
})

t.test('a session after logging out or a change of the password -> 401', async (t) => {
  const { app, cookieOf, generate } = await startHost(t)
  const [one, other] = [await cookieOf(admin), await cookieOf(admin)]
  t.equal(await generate({ cookie: one }), 200)

  const logout = await app.inject({ method: 'POST', url: '/logout', headers: { cookie: one } })
  t.equal(logout.statusCode, 204)
  t.match(logout.headers['set-cookie'], /^unleash-session=;.*Expires=Thu, 01 Jan 1970/)
  t.equal(await generate({ cookie: one }), 401)
  t.equal(await generate({ cookie: other }), 200, 'another session goes on')
  t.equal((await app.inject({ method: 'POST', url: '/logout' })).statusCode, 204, 'logging out without a session')

  const changed = await startHost(t, { ADMIN_PASSWORD: 'changed' })
  t.equal(await changed.generate({ cookie: other }), 401)
  t.equal(await changed.generate({ cookie: await changed.cookieOf({ ...admin, password: 'changed' }) }), 200)
})

t.test('a table of sessions that an earlier version made -> its sessions are not accepted, new ones are', async (t) => {
  const db = new pg.Client(postgres.url)
  await db.connect()
  t.teardown(() => db.end())
  const before = await startHost(t)
  const cookie = await before.cookieOf(admin)
  await db.query('alter table host_sessions drop column proof')
  const { cookieOf, generate } = await startHost(t)
  t.equal(await generate({ cookie }), 401)
  t.equal(await generate({ cookie: await cookieOf(admin) }), 200)
})

t.test('behind a proxy -> Secure cookies, and a limit for each client; a client that connects itself sets neither', async (t) => {
  const { login } = await startHost(t, { TRUST_PROXY: '127.0.0.1, 10.0.0.0/8', RATE_LIMIT: '2', ...secrets })
  const from = (address: string, proto = 'https') => ({ 'x-forwarded-for': address, 'x-forwarded-proto': proto })
  const { headers } = await login({ username: 'admin', password: 'password-1' }, from('203.0.113.1'))
  t.match(headers['set-cookie'], /; Secure/)
  const wrong = (name: string) => ({ username: name, password: 'wrong' })
  t.equal((await login(wrong('a'), from('203.0.113.1'))).statusCode, 401)
  t.equal((await login(wrong('b'), from('203.0.113.1'))).statusCode, 429)
  t.equal((await login(wrong('c'), from('203.0.113.2'))).statusCode, 401)

  const direct = await startHost(t)
  t.notMatch((await direct.login(admin, from('203.0.113.1'))).headers['set-cookie'], /Secure/)
  for (const TRUST_PROXY of ['true', '*', 'nginx', '127.0.0.1/', '1']) {
    t.throws(() => readConfig({ TRUST_PROXY, ...secrets }), { message: /^TRUST_PROXY must be IP addresses/ }, TRUST_PROXY)
  }
})

t.test('wrong passwords for one name from many addresses -> 429 with Retry-After, whatever the password; other names go on', async (t) => {
  const { login } = await startHost(t, { TRUST_PROXY: '127.0.0.1', RATE_LIMIT: '5', ...secrets })
  const attempt = (username: string, password: string, i: number) => login({ username, password }, { 'x-forwarded-for': `203.0.113.${i}` })
  for (let i = 0; i < 5; i++) t.equal((await attempt('admin', 'wrong', i)).statusCode, 401)
  const limited = await attempt('admin', 'password-1', 6)
  t.equal(limited.statusCode, 429)
  t.match(limited.headers, { 'retry-after': /^\d+$/ })
  t.equal((await attempt('viewer', 'password-2', 6)).statusCode, 200)
})

t.test('a body of a type that the login does not expect -> 4xx without a cookie', async (t) => {
  const { app } = await startHost(t)
  const names = ['__proto__', 'constructor', 'toString']
  const bodies = ['', '{}', '[]', 'null', '1', '"text"', '{', '{"username":null,"password":null}', '{"username":{},"password":{}}', '{"username":["a","b"],"password":[]}', '{"__proto__":{"username":"admin"}}',
    ...names.map((name) => JSON.stringify({ username: name, password: name })), JSON.stringify({ username: 'a'.repeat(1000), password: 'x' })]
  for (const body of bodies) {
    for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded']) {
      const { statusCode, headers } = await app.inject({ method: 'POST', url: loginPath, headers: { 'content-type': type }, body })
      t.ok(statusCode >= 400 && statusCode < 500 && headers['set-cookie'] === undefined, `${type} ${body.slice(0, 60)}: ${statusCode}`)
    }
  }
})

t.test('SCIM requests -> no session', async (t) => {
  const { app } = await startHost(t)
  const db = new pg.Client(postgres.url)
  await db.connect()
  t.teardown(() => db.end())
  const count = async () => (await db.query('select from host_sessions')).rowCount
  const before = await count()
  for (let i = 0; i < 50; i++) {
    const { statusCode, headers } = await app.inject('/scim/Users')
    t.strictSame([statusCode, headers['set-cookie']], [401, undefined])
  }
  t.equal(await count(), before)
})

for (const [who, path, headers] of [
  ['a login', loginPath, ''],
  ['a SCIM request that is rejected', '/scim/Users', ''],
  ['an admin request that is rejected', generatePath, ''],
  ['the request of an admin', '/api/admin/scim-settings', 'authorization: *:*.example-admin\r\n']
] as const) {
  t.test(`the body of ${who} never comes -> its connection is closed soon after the time limit`, async (t) => {
    const { app, url } = await startHost(t)
    t.strictSame([app.server.requestTimeout, app.server.headersTimeout], [30_000, 10_000])
    // The limit of the host would take half a minute; how often Node.js checks it stays that of the host.
    app.server.requestTimeout = 500
    app.server.headersTimeout = 500
    const { port, hostname } = new URL(url)
    const client = connect(Number(port), hostname)
    t.teardown(() => client.destroy())
    client.write(`POST ${path} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\n${headers}content-length: 100\r\n\r\n{`)
    client.resume()
    await once(client, 'end', { signal: AbortSignal.timeout(10_000) })
    t.pass('the server has closed it')
  })
}
