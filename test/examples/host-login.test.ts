import pg from 'pg'
import t, { type Test } from 'tap'
import { readConfig } from '../../examples/host/config.ts'
import { startExampleHost } from '../helpers/example-host.ts'
import { generatePath } from '../helpers/host.ts'
import { startPostgres } from '../helpers/postgres.ts'

const postgres = await startPostgres()
t.teardown(() => postgres.stop())

const admin = { username: 'admin', password: 'example-admin-password' }
const viewer = { username: 'viewer', password: 'example-viewer-password' }

async function startHost (t: Test, env: NodeJS.ProcessEnv = {}) {
  const { app } = await startExampleHost(t, { DATABASE_URL: postgres.url, ...env })
  const login = (body: object) => app.inject({ method: 'POST', url: '/auth/simple/login', body })
  const cookieOf = async (body: object) => ({ cookie: String((await login(body)).headers['set-cookie']).split(';')[0] })
  const generate = (headers: Record<string, string | undefined>) => app.inject({ method: 'POST', url: generatePath, headers })
  return { app, login, cookieOf, generate }
}

t.test('a login -> a session cookie with HttpOnly and SameSite=Lax', async (t) => {
  const { login } = await startHost(t)
  const response = await login(admin)
  t.equal(response.statusCode, 200)
  t.strictSame(response.json(), { name: 'admin', permissions: ['ADMIN'] })
  t.match(response.headers['set-cookie'], /^unleash-session=[\w-]{43}; Max-Age=28800; Path=\/; HttpOnly; SameSite=Lax$/)
})

t.test('a login with a wrong password or not in JSON -> an error without a cookie', async (t) => {
  const { app, login } = await startHost(t)
  for (const body of [{ ...admin, password: 'wrong' }, { ...viewer, password: admin.password }, { ...admin, username: 'root' }]) {
    const response = await login(body)
    t.equal(response.statusCode, 401)
    t.notOk(response.headers['set-cookie'])
  }
  t.equal((await login({ username: 'admin' })).statusCode, 400)

  const form = await app.inject({
    method: 'POST',
    url: '/auth/simple/login',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(admin).toString()
  })
  t.equal(form.statusCode, 415, 'a form, which a page of another site could send')
})

t.test('the session cookie -> identifies the user and their permissions', async (t) => {
  const { app, cookieOf, generate } = await startHost(t)
  const user = async (headers: { cookie: string | undefined }) => (await app.inject({ url: '/api/admin/user', headers })).json()

  const asAdmin = await cookieOf(admin)
  t.match(await user(asAdmin), { user: { name: 'admin' }, permissions: [{ permission: 'ADMIN' }] })
  t.equal((await generate(asAdmin)).statusCode, 200)

  const asViewer = await cookieOf(viewer)
  t.strictSame((await user(asViewer)).permissions, [])
  t.equal((await generate(asViewer)).statusCode, 403)

  t.equal((await app.inject('/api/admin/user')).statusCode, 401)
  t.equal((await generate({ cookie: 'unleash-session=made-up' })).statusCode, 401)
  t.equal((await generate({ ...asAdmin, authorization: 'wrong' })).statusCode, 401, 'a wrong token with a valid cookie')
})

t.test('the cookie sent from another origin -> 403 unless the origin is trusted', async (t) => {
  const page = { origin: 'https://pages.example.com', 'sec-fetch-site': 'cross-site' }
  for (const { TRUSTED_ORIGINS, status } of [
    { TRUSTED_ORIGINS: '', status: 403 },
    { TRUSTED_ORIGINS: 'https://a.example.com, https://pages.example.com', status: 200 }
  ]) {
    const { cookieOf, generate } = await startHost(t, { TRUSTED_ORIGINS })
    t.equal((await generate({ ...await cookieOf(admin), ...page })).statusCode, status, TRUSTED_ORIGINS)
  }
})

t.test('more tokens or logins than the rate limit -> 429 with Retry-After', async (t) => {
  const { login, generate } = await startHost(t, { RATE_LIMIT: '2' })
  const token = { authorization: '*:*.example-admin' }
  for (const call of [() => generate(token), () => login(viewer)]) {
    t.strictSame([(await call()).statusCode, (await call()).statusCode], [200, 200])
    const { statusCode, headers } = await call()
    t.equal(statusCode, 429)
    t.match(headers['retry-after'], /^\d+$/)
  }

  const message = 'Rate limit exceeded, retry in 1 minute'
  const { id, ...body } = (await generate(token)).json()
  t.strictSame(body, { name: 'TooManyRequestsError', message, details: [{ message }] })
})

t.test('the database fails during a login -> 500 without its message', async (t) => {
  const { app, login } = await startHost(t)
  const db = new pg.Client(postgres.url)
  await db.connect()
  t.teardown(() => db.end())
  await db.query('drop table host_sessions')
  const response = await login(admin)
  t.equal(response.statusCode, 500)
  t.notMatch(response.body, 'host_sessions')
  t.equal((await app.inject('/health')).statusCode, 200)
})

t.test('an invalid environment variable -> an error that names it', async (t) => {
  for (const [name, value] of [['PORT', '65536'], ['PORT', '-1'], ['PORT', '4242.5'], ['PORT', 'http'], ['RATE_LIMIT', '1e3']] as const) {
    t.throws(() => readConfig({ [name]: value }), new RegExp(`^${name} must be a whole number .* got "${value}"`), `${name}=${value}`)
  }
  t.match(readConfig({ PORT: '', HOST: '', DATABASE_URL: '' }), { port: 4242, host: '127.0.0.1', databaseUrl: undefined })
})
