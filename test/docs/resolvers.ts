import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Context } from './context.ts'
import { accepts, startNginx } from './nginx.ts'
import { generate } from './part-of-app.ts'
import { compile, Curl, run, start, startServer } from './project.ts'

const page = 'docs/resolvers.md'
const secret = randomBytes(32).toString('hex')

export async function testResolvers (t: Test, { blocks, project, installs }: Context): Promise<void> {
  const files = blocks.files(page)
  const folder = await project.write(files)

  for (const section of ['Session', 'JWT', 'Several tenants']) {
    const [install = ''] = blocks.all(page, section, 'sh')
    installs.push(install)
  }

  t.test('a user with a session -> generates a token; after logging out 401', async (t) => {
    const port = await start(t, folder, ['session.mjs'], { SESSION_SECRET: secret, ADMIN_PASSWORD: 'change-me' })
    const curl = await Curl.create(t, [Curl.to('127.0.0.1:3000', port), 'silent', 'write-out = "%{http_code}"'])
    const [, startCommand = '', commands = ''] = blocks.all(page, 'Session', 'sh')
    t.match(startCommand, /ADMIN_PASSWORD=change-me node session\.mjs$/m)
    const [login = '', generateToken = ''] = commands.trimEnd().split('\n')

    t.match(await curl.run(generateToken), /"AuthenticationRequired".*Log in at \/login\..*401$/)
    t.equal(await curl.run(login.replace('change-me', 'wrong')), '401')
    t.equal(await curl.run(login), '204')
    t.match(await curl.run(generateToken), /^\{"token":"scim_\w+"\}200$/)
    t.match(await curl.run(`${generateToken} -H 'Sec-Fetch-Site: cross-site'`), /403$/)
    t.equal(await curl.run('curl -b cookies -X POST http://127.0.0.1:3000/logout'), '204')
    t.match(await curl.run(generateToken), /401$/, 'with the cookie that was valid before')

    const cookie = await logIn(port, { username: 'ada', password: 'change-me' })
    const finish = startLogin(port, { cookie })
    t.equal(await generateStatus(port, { cookie }), 200)
    t.equal((await fetch(`http://127.0.0.1:${port}/logout`, { method: 'POST', headers: { cookie } })).status, 204)
    await finish()
    t.equal(await generateStatus(port, { cookie }), 401, 'after a request that was under way at the logout')
  })

  t.test('a user with a session lacks the permission -> 403', async (t) => {
    const bob = files['session.mjs']?.replace("permissions: ['ADMIN']", 'permissions: []') ?? ''
    const port = await start(t, await project.write({ ...files, 'session.mjs': bob }), ['session.mjs'], { SESSION_SECRET: secret, ADMIN_PASSWORD: 'change-me' })
    const cookie = await logIn(port, { username: 'ada', password: 'change-me' })
    t.equal(await generateStatus(port, { cookie }), 403)
  })

  t.test('a user with a JWT -> generates a token; without the permission 403; a missing, expired, endless or forged one is 401', async (t) => {
    const port = await start(t, folder, ['jwt.mjs'], { JWT_SECRET: secret })
    const exp = Math.floor(Date.now() / 1000) + 60
    const status = async (payload: object, signedWith = secret) => {
      return await generateStatus(port, { authorization: `Bearer ${signJwt(payload, signedWith)}` })
    }
    t.equal(await status({ sub: 'ada', permissions: ['ADMIN'], exp }), 200)
    t.equal(await status({ sub: 'bob', permissions: [], exp }), 403)
    t.equal(await status({ sub: 'bob', exp }), 403)
    t.equal(await status({ sub: 'bob', permissions: 'NO_ADMIN', exp }), 403, 'a text that contains the permission')
    t.equal(await status({ sub: 'ada', permissions: ['ADMIN'], exp: 1 }), 401)
    t.equal(await status({ sub: 'ada', permissions: ['ADMIN'] }), 401, 'it never expires')
    t.equal(await status({ sub: 'ada', permissions: ['ADMIN'], exp }, 'another secret'), 401)
    t.equal(await generateStatus(port, {}), 401)
  })

  t.test('the resolver in TypeScript -> compiles', async (t) => {
    await t.resolves(compile(await project.write({ 'user.ts': files['user.ts'] ?? '' })))
  })
}

/** Two tenants behind a real nginx, with the documented servers and configuration. */
export async function testProxies (t: Test, { blocks, project, db, databaseUrl }: Context): Promise<void> {
  const files = blocks.files(page)
  const folder = await project.write(files)
  const configuration = blocks.one('docs/proxies.md', 'nginx', 'nginx')
  const listUsers = blocks.one('docs/troubleshooting.md', 'The identity provider reports an error', 'sh')
  const env = { DATABASE_URL: databaseUrl, SESSION_SECRET: secret }
  const [, commands = ''] = blocks.all(page, 'Several tenants', 'sh')
  const [setAdminCommand = '', startCommand = ''] = commands.trimEnd().split('\n')
  // The name of the user is the same in each tenant, and the password is not.
  const setAdmin = async (tenant: string, password: string) => {
    const command = setAdminCommand.replace('acme', tenant).replace('change-me', password).replace('node ', `${process.execPath} `)
    await run(folder, 'sh', ['-c', command], env)
  }
  await setAdmin('acme', 'change-me')
  await setAdmin('globex', 'change-me-too')

  t.test('two tenants in two processes behind nginx -> each has its own admins and its own token', async (t) => {
    const [, TRUST_PROXY = ''] = /TRUST_PROXY=(\S+)/.exec(startCommand) ?? []
    const curl = await startBehindNginx(t, { TRUST_PROXY })

    const acme = await enableAndGenerate(curl, 'acme', 'change-me')
    const globex = await enableAndGenerate(curl, 'globex', 'change-me-too')
    t.equal(await logInWith(curl, 'globex', 'change-me'), '401')

    for (let i = 0; i < 4; i++) {
      t.match(await curl.run(listUsers, { SCIM_TOKEN: acme }), /^HTTP\/1\.1 200 /)
      t.match(await curl.run(listUsers, { SCIM_TOKEN: globex }), /^HTTP\/1\.1 401 /)
      t.match(await post(curl, 'acme', ''), /200$/, 'the session is valid in both processes')
    }
    const forged = listUsers.replace('curl', 'curl -H "X-Forwarded-Host: globex.example.com"')
    t.match(await curl.run(forged, { SCIM_TOKEN: acme }), /^HTTP\/1\.1 200 /)
    t.match(await curl.run(forged, { SCIM_TOKEN: globex }), /^HTTP\/1\.1 401 /)
    await t.rejects(curl.run(listUsers.replaceAll('acme', 'initech')), { message: /unrecognized name/ })
  })

  t.test('without trustProxy -> 403 for the own page of a browser without Sec-Fetch-Site, and one token for all tenants', async (t) => {
    const curl = await startBehindNginx(t, {})
    // The name of the upstream in the configuration, which is the host name of every request.
    await setAdmin('app', 'everywhere')
    t.equal(await logInWith(curl, 'acme', 'everywhere'), '204')
    t.match(await post(curl, 'acme', '/generate-new-token'), /403$/)
    const token = await enableAndGenerate(curl, 'acme', 'everywhere', '')
    t.match(await curl.run(listUsers.replaceAll('acme', 'globex'), { SCIM_TOKEN: token }), /^HTTP\/1\.1 200 /)
  })

  t.test('the session of a tenant is used elsewhere or later -> 401 or 403', async (t) => {
    const [port = 0, other = 0] = await startTwo(t, { TRUST_PROXY: '127.0.0.1' })
    const ada = { username: 'ada', password: 'change-me' }
    const at = (tenant: string, cookie = '') => ({ cookie, 'x-forwarded-host': `${tenant}.example.com`, 'x-forwarded-for': '203.0.113.1' })
    const cookie = await logIn(port, ada, at('acme'))

    t.equal(await generateStatus(other, at('acme', cookie)), 200)
    t.equal(await generateStatus(port, at('globex', cookie)), 401, 'at another tenant, which has a user of the same name')
    t.equal(await generateStatus(port, at('initech', cookie)), 401, 'at a tenant that does not exist')

    await db.query("update tenant_users set permissions = '{}' where tenant = 'acme'")
    t.equal(await generateStatus(port, at('acme', cookie)), 403, 'after the permission was taken away')
    await db.query("update tenant_users set permissions = '{ADMIN}' where tenant = 'acme'")
    t.equal(await generateStatus(port, at('acme', cookie)), 200)

    await setAdmin('acme', 'changed')
    t.equal(await generateStatus(other, at('acme', cookie)), 401, 'after the password was changed')
    await setAdmin('acme', 'change-me')
    const next = await logIn(port, ada, at('acme', cookie))
    t.not(next, cookie, 'logging in makes another session')
    t.equal(await generateStatus(port, at('acme', cookie)), 401, 'the session before it')
    t.equal((await fetch(`http://127.0.0.1:${other}/logout`, { method: 'POST', headers: at('acme', next) })).status, 204)
    t.equal(await generateStatus(port, at('acme', next)), 401, 'after logging out in another process')

    const last = await logIn(port, ada, at('acme'))
    const finish = startLogin(port, at('acme', last))
    t.equal(await generateStatus(port, at('acme', last)), 200)
    t.equal((await fetch(`http://127.0.0.1:${port}/logout`, { method: 'POST', headers: at('acme', last) })).status, 204)
    await finish()
    t.equal(await generateStatus(port, at('acme', last)), 401, 'after a request that was under way at the logout')

    await db.query('delete from session')
    for (let i = 0; i < 100; i++) {
      const { status, headers } = await fetch(`http://127.0.0.1:${port}/scim/Users`, { headers: at('acme') })
      if (status !== 401 || headers.has('set-cookie')) t.fail(`${status} ${headers.get('set-cookie')}`)
    }
    t.equal((await db.query('select from session')).rowCount, 0, '100 SCIM requests made no session')
  })

  t.test('SIGTERM while a write waits for the database -> the request gets its response, and the process ends', async (t) => {
    const { port, server } = await startServer(t, folder, ['tenants.mjs'], { ...env, TRUST_PROXY: '127.0.0.1' })
    const acme = { 'x-forwarded-host': 'acme.example.com', 'x-forwarded-for': '203.0.113.2' }
    const cookie = await logIn(port, { username: 'ada', password: 'change-me' }, acme)
    const blocker = await db.connect()
    try {
      await blocker.query("begin; select from scim_settings where tenant = 'acme' for update")
      // As nginx does. The process waits for connections that are kept open.
      const generated = generateStatus(port, { ...acme, cookie, connection: 'close' })
      while ((await db.query("select from pg_stat_activity where wait_event_type = 'Lock'")).rowCount === 0);
      server.kill('SIGTERM')
      while (await accepts(port));
      await blocker.query('commit')
      t.equal(await generated, 200)
    } finally {
      blocker.release()
    }
    if (server.exitCode === null) await once(server, 'exit')
    t.equal(server.exitCode, 0)
  })

  t.test('wrong passwords for one user from many addresses -> 429, and other users can still log in', async (t) => {
    for (const file of ['session.mjs', 'tenants.mjs']) {
      const port = await start(t, folder, [file], { ...env, ADMIN_PASSWORD: 'change-me', TRUST_PROXY: '127.0.0.1' })
      const attempt = async (username: string, address: number) => await login(port, { username, password: 'wrong' }, { 'x-forwarded-host': 'acme.example.com', 'x-forwarded-for': `203.0.113.${address}` })
      for (let i = 0; i < 10; i++) t.equal((await attempt('ada', i)).status, 401)
      const limited = await attempt('ada', 11)
      t.equal(limited.status, 429, `${file}: the limit of the name`)
      const retryAfter = Number(limited.headers.get('retry-after'))
      t.ok(retryAfter > 0 && retryAfter <= 15 * 60, 'Retry-After')
      t.equal((await attempt('bob', 11)).status, 401)
    }
  })

  t.test('trustProxy -> the app reads the host name and the address from this proxy only', async (t) => {
    const { app } = await import(join(await project.write({
      'part.mjs': `import Fastify from 'fastify'\nexport ${blocks.one('docs/proxies.md', 'trustProxy', 'js')}`
    }), 'part.mjs'))
    t.teardown(() => app.close())
    app.get('/', async (request: { hostname: string, ip: string }) => ({ hostname: request.hostname, ip: request.ip }))
    const headers = { 'x-forwarded-host': 'acme.example.com', 'x-forwarded-for': '203.0.113.7' }
    t.strictSame((await app.inject({ url: '/', headers, remoteAddress: '127.0.0.1' })).json(), { hostname: 'acme.example.com', ip: '203.0.113.7' })
    t.strictSame((await app.inject({ url: '/', headers, remoteAddress: '198.51.100.1' })).json(), { hostname: 'localhost', ip: '198.51.100.1' })
  })

  /** Starts two processes, as pm2 or Kubernetes do. */
  async function startTwo (t: Test, more: NodeJS.ProcessEnv): Promise<number[]> {
    return [await start(t, folder, ['tenants.mjs'], { ...env, ...more }), await start(t, folder, ['tenants.mjs'], { ...env, ...more })]
  }

  async function startBehindNginx (t: Test, more: NodeJS.ProcessEnv): Promise<Curl> {
    const nginx = await startNginx(t, configuration, await startTwo(t, more))
    const hosts = ['acme', 'globex', 'initech'].map((tenant) => Curl.to(`${tenant}.example.com:443`, nginx.port))
    return await Curl.create(t, [...hosts, `cacert = ${nginx.certificate}`, 'silent', 'show-error', 'write-out = "%{http_code}"'])
  }
}

async function logInWith (curl: Curl, tenant: string, password: string): Promise<string> {
  return await curl.run(`curl -c ${tenant} https://${tenant}.example.com/login --json '{"username":"ada","password":"${password}"}'`)
}

async function post (curl: Curl, tenant: string, path: string, origin = `https://${tenant}.example.com`): Promise<string> {
  const url = `https://${tenant}.example.com/api/admin/scim-settings${path}`
  return await curl.run(`curl ${url} -b ${tenant} -H 'Origin: ${origin}' --json '{"enabled":true}'`)
}

async function enableAndGenerate (curl: Curl, tenant: string, password: string, origin?: string): Promise<string> {
  for (const status of [await logInWith(curl, tenant, password), await post(curl, tenant, '', origin)]) {
    if (!status.startsWith('20')) throw new Error(status)
  }
  const generated = await post(curl, tenant, '/generate-new-token', origin)
  return JSON.parse(generated.slice(0, -'200'.length)).token
}

/** Resolves to the cookie of a session. */
async function logIn (port: number, body: object, headers: Record<string, string> = {}): Promise<string> {
  const response = await login(port, body, headers)
  const [cookie] = response.headers.getSetCookie()
  if (cookie === undefined) throw new Error(`the login responded with ${response.status}`)
  return cookie.split(';')[0] ?? ''
}

async function login (port: number, body: object, headers: Record<string, string>): Promise<Response> {
  return await fetch(`http://127.0.0.1:${port}/login`, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) })
}

/** Sends a part of a login, and returns the function that sends the rest and waits for the response. */
function startLogin (port: number, headers: Record<string, string>): () => Promise<unknown> {
  const login = request({ port, path: '/login', method: 'POST', headers: { ...headers, 'content-type': 'application/json', 'content-length': 2 } })
  const responded = once(login, 'response')
  login.write('{')
  return async () => {
    login.end('}')
    return await responded
  }
}

async function generateStatus (port: number, headers: Record<string, string>): Promise<number> {
  return (await fetch(`http://127.0.0.1:${port}${generate.url}`, { method: 'POST', headers })).status
}

function signJwt (payload: object, secret: string): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(payload)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}
