import { createHmac } from 'node:crypto'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Context } from './context.ts'
import { startNginx } from './nginx.ts'
import { generate } from './part-of-app.ts'
import { compile, Curl, start } from './project.ts'

const page = 'docs/resolvers.md'

export async function testResolvers (t: Test, { blocks, project, installs }: Context): Promise<void> {
  const files = blocks.files(page)
  const folder = await project.write(files)

  for (const section of ['Session', 'JWT', 'API token', 'Several tenants']) {
    const [install = ''] = blocks.all(page, section, 'sh')
    installs.push(install)
  }

  t.test('a user with a session -> generates a token; without the permission 403, after logging out 401', async (t) => {
    const port = await start(t, folder, ['session.mjs'])
    const curl = await Curl.create(t, [Curl.to('127.0.0.1:3000', port), 'silent', 'write-out = "%{http_code}"'])
    const [, commands = ''] = blocks.all(page, 'Session', 'sh')
    const [login = '', generateToken = ''] = commands.trimEnd().split('\n')

    t.match(await curl.run(generateToken), /"AuthenticationRequired".*Log in at \/login\..*401$/)
    t.equal(await curl.run(login.replace('change-me', 'wrong')), '401')
    t.equal(await curl.run(login), '204')
    t.match(await curl.run(generateToken), /^\{"token":"scim_\w+"\}200$/)
    t.match(await curl.run(`${generateToken} -H 'Sec-Fetch-Site: cross-site'`), /403$/)
    t.equal(await curl.run('curl -b cookies -X POST http://127.0.0.1:3000/logout'), '204')
    t.match(await curl.run(generateToken), /401$/)

    t.equal(await curl.run(login.replace('ada', 'bob').replace('change-me', 'change-me-too')), '204')
    t.match(await curl.run(generateToken), /403$/)
  })

  t.test('a user with a JWT -> generates a token; without the permission 403; a missing, expired or forged one is 401', async (t) => {
    const port = await start(t, folder, ['jwt.mjs'], { JWT_SECRET: 'the secret' })
    const status = async (payload: object, secret = 'the secret') => {
      return await generateStatus(port, { authorization: `Bearer ${signJwt(payload, secret)}` })
    }
    t.equal(await status({ sub: 'ada', permissions: ['ADMIN'] }), 200)
    t.equal(await status({ sub: 'bob', permissions: [] }), 403)
    t.equal(await status({ sub: 'bob' }), 403)
    t.equal(await status({ sub: 'ada', permissions: ['ADMIN'], exp: 1 }), 401)
    t.equal(await status({ sub: 'ada', permissions: ['ADMIN'] }, 'another secret'), 401)
    t.equal(await generateStatus(port, {}), 401)
  })

  t.test('a user with an API token -> generates a SCIM token, with or without Bearer', async (t) => {
    const port = await start(t, folder, ['api-token.mjs'], { ADMIN_TOKEN: 'change-me' })
    t.equal(await generateStatus(port, { authorization: 'change-me' }), 200)
    t.equal(await generateStatus(port, { authorization: 'Bearer change-me' }), 200)
    t.equal(await generateStatus(port, { authorization: 'wrong' }), 401)
    t.equal(await generateStatus(port, {}), 401)
  })

  t.test('the resolvers in TypeScript -> compile', async (t) => {
    await t.resolves(compile(await project.write({ 'user.ts': files['user.ts'] ?? '' })))
  })
}

/** Two tenants behind a real nginx, with the documented server and configuration. */
export async function testProxies (t: Test, { blocks, project, db, databaseUrl }: Context): Promise<void> {
  const files = blocks.files(page)
  const folder = await project.write(files)
  const configuration = blocks.one('docs/proxies.md', 'nginx', 'nginx')
  const listUsers = blocks.one('docs/troubleshooting.md', 'The identity provider reports an error', 'sh')
  const insert = blocks.one(page, 'Several tenants', 'sql')

  t.test('two tenants behind nginx -> each has its own admins and its own token', async (t) => {
    const curl = await startBehindNginx(t, { TRUST_PROXY: '127.0.0.1' })
    await db.query(insert)
    await db.query(insert.replace('acme', 'globex').replace('change-me', 'change-me-too'))

    const acme = await enableAndGenerate(curl, 'acme', 'change-me')
    const globex = await enableAndGenerate(curl, 'globex', 'change-me-too')
    t.match(await post(curl, 'acme', '/generate-new-token', 'change-me-too'), /401$/)

    t.match(await curl.run(listUsers, { SCIM_TOKEN: acme }), /^HTTP\/1\.1 200 /)
    t.match(await curl.run(listUsers, { SCIM_TOKEN: globex }), /^HTTP\/1\.1 401 /)
    const forged = listUsers.replace('curl', 'curl -H "X-Forwarded-Host: globex.example.com"')
    t.match(await curl.run(forged, { SCIM_TOKEN: acme }), /^HTTP\/1\.1 200 /)
    t.match(await curl.run(forged, { SCIM_TOKEN: globex }), /^HTTP\/1\.1 401 /)
    await t.rejects(curl.run(listUsers.replaceAll('acme', 'initech')), { message: /unrecognized name/ })
  })

  t.test('without trustProxy -> 403 for the own page of a browser without Sec-Fetch-Site, and one token for all tenants', async (t) => {
    const curl = await startBehindNginx(t, {})
    // The first label of 127.0.0.1, which is the host name of every request.
    await db.query(insert.replace('acme', '127').replace('change-me', 'everywhere'))
    t.match(await post(curl, 'acme', '/generate-new-token', 'everywhere'), /403$/)
    const token = await enableAndGenerate(curl, 'acme', 'everywhere', '')
    t.match(await curl.run(listUsers.replaceAll('acme', 'globex'), { SCIM_TOKEN: token }), /^HTTP\/1\.1 200 /)
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

  async function startBehindNginx (t: Test, env: NodeJS.ProcessEnv): Promise<Curl> {
    const port = await start(t, folder, ['tenants.mjs'], { DATABASE_URL: databaseUrl, ...env })
    const nginx = await startNginx(t, configuration, port)
    const hosts = ['acme', 'globex', 'initech'].map((tenant) => Curl.to(`${tenant}.example.com:443`, nginx.port))
    return await Curl.create(t, [...hosts, `cacert = ${nginx.certificate}`, 'silent', 'show-error', 'write-out = "%{http_code}"'])
  }
}

async function post (curl: Curl, tenant: string, path: string, apiToken: string, origin = `https://${tenant}.example.com`): Promise<string> {
  const url = `https://${tenant}.example.com/api/admin/scim-settings${path}`
  return await curl.run(`curl ${url} -H 'Authorization: ${apiToken}' -H 'Origin: ${origin}' --json '{"enabled":true}'`)
}

async function enableAndGenerate (curl: Curl, tenant: string, apiToken: string, origin?: string): Promise<string> {
  const enabled = await post(curl, tenant, '', apiToken, origin)
  if (enabled !== '200') throw new Error(enabled)
  const generated = await post(curl, tenant, '/generate-new-token', apiToken, origin)
  return JSON.parse(generated.slice(0, -'200'.length)).token
}

async function generateStatus (port: number, headers: Record<string, string>): Promise<number> {
  return (await fetch(`http://127.0.0.1:${port}${generate.url}`, { method: 'POST', headers })).status
}

function signJwt (payload: object, secret: string): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(payload)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}
