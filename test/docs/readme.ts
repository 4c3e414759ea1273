import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import Fastify from 'fastify'
import type { Test } from 'tap'
import scimToken, { verifyScimToken } from '../../lib/index.ts'
import { resolveOptions } from '../../lib/options.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import type { Context } from './context.ts'
import { setVariable } from './hosts.ts'
import { generate, startPart } from './part-of-app.ts'
import { compile, Curl, follow, start } from './project.ts'

const root = join(import.meta.dirname, '../..')
const page = 'README.md'

export async function testReadme (t: Test, { blocks, pages, project, db, databaseUrl }: Context): Promise<void> {
  const readme = pages.get(page) ?? ''

  t.test('the README -> has at most 12 KB', async (t) => {
    t.ok(Buffer.byteLength(readme) <= 12 * 1024, `${Buffer.byteLength(readme)} bytes`)
  })

  t.test('the install command -> names the package', async (t) => {
    const { name } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    t.equal(blocks.one(page, 'Install', 'sh'), `npm install fastify ${name}\n`)
  })

  const example = blocks.one(page, 'Example', 'js').replace('port: 3000', 'port: 0')

  const [, adminToken = ''] = /Run it with `ADMIN_TOKEN=(\S+) node app.mjs`/.exec(readme) ?? []
  const env = { ADMIN_TOKEN: adminToken }
  const [generateCommands = '', hostCommands = ''] = blocks.all(page, 'Example', 'console')

  t.test('the example -> prints what the README says', async (t) => {
    const folder = await project.write({ 'app.mjs': example })
    const port = await start(t, folder, ['app.mjs'], env)
    await follow(t, generateCommands, await Curl.create(t, [Curl.to('127.0.0.1:3000', port)]))
  })

  t.test('the example in CommonJS -> prints what the README says', async (t) => {
    const [required = ''] = /(?<=In CommonJS, write `)const \{.*?\} = require\([^`]*/.exec(readme) ?? []
    t.match(required, 'require')
    const inCommonJs = example
      .replace(/import scimToken, .*/, required)
      .replaceAll(/import (.*) from (.*)/g, 'const $1 = require($2)')
    const port = await start(t, await project.write({ 'app.cjs': inCommonJs }), ['app.cjs'], env)
    await follow(t, generateCommands, await Curl.create(t, [Curl.to('127.0.0.1:3000', port)]))
  })

  t.test('the example host -> prints what the README says', async (t) => {
    const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    t.equal(blocks.one(page, 'Example', 'sh'), 'npm ci && npm start\n')
    t.match(scripts.start, / node --import tsx examples\/host\/main\.ts$/)

    const port = await start(t, root, ['--import', 'tsx', 'examples/host/main.ts'], { DATA_DIR: await project.write({}) })
    await follow(t, hostCommands, await Curl.create(t, [Curl.to('127.0.0.1:4242', port)]))
  })

  t.test('the README of the example host -> names each variable of its environment, and its login works', async (t) => {
    const config = await readFile(join(root, 'examples/host/config.ts'), 'utf8')
    const hostReadme = await readFile(join(root, 'examples/host/README.md'), 'utf8')
    const variables = [...config.matchAll(/(?:env\['|env, '|readSecret\(')(\w+)'/g)].map(([, name = '']) => name)
    t.ok(variables.length > 0)
    t.strictSame(variables.filter((name) => !hostReadme.includes(`\`${name}\``)), [])

    const [, path = '', body = ''] = /^POST (\S+)\n.*?\n\n(.*?)\n```/ms.exec(hostReadme) ?? []
    const port = await start(t, root, ['--import', 'tsx', 'examples/host/main.ts'], { DATA_DIR: await project.write({}) })
    const login = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    t.equal(login.status, 200)
    t.match(login.headers.get('set-cookie'), /^unleash-session=/)
  })

  t.test('the table of options -> has each option with its default', async (t) => {
    const [, options = ''] = /^## Options$(.*?)^## /ms.exec(readme) ?? []
    const rows = options.matchAll(/^\| `(\w+)` \| `?(.*?)`? \|/gm)
    const { prefix, ...documented } = Object.fromEntries([...rows].map(([, name, value = '']) => [name, value.replaceAll("'", '"')]))
    const defaults = Object.fromEntries(Object.entries(resolveOptions({})).map(([name, value]) => [name, JSON.stringify(value).replaceAll(',', ', ')]))
    t.strictSame(documented, defaults)
    t.equal(prefix, 'none')
  })

  t.test('the declared user type -> is the type of the user in the resolver', async (t) => {
    const declaration = blocks.one(page, 'What your app injects', 'ts')
    const uses = `
      import type { ScimAuthResolver } from 'fastify-scim-token'
      import { postgresStore, type Queryable } from 'fastify-scim-token/stores/postgres'
      export const resolver: ScimAuthResolver = {
        authenticate: () => null,
        authorize: ({ permissions }) => permissions.includes('ADMIN')
      }
      export const store = (db: Queryable) => postgresStore({ db, createdBy: (user) => user.name })`
    const files = { 'user.ts': declaration, 'uses.ts': uses }
    await t.resolves(compile(await project.write(files)))
    await t.rejects(compile(await project.write({ ...files, 'user.ts': declaration.replace('permissions: string[]', '') })), { message: /TS2339/ })
  })

  t.test('the server on PostgreSQL -> its first admin enables SCIM and generates a token, which its SCIM routes require', async (t) => {
    const databases = 'docs/databases.md'
    const server = (blocks.files(databases)['server.mjs'] ?? '').replace('scim.get(', `
      scim.delete('/Users/:id', (request, reply) => reply.code(204).send())
      scim.post('/Users', async (request) => request.body)
      scim.get(`)
    const [startCommands = '', curlCommands = ''] = blocks.all(databases, 'A whole server', 'sh')
    const [install = '', run = ''] = startCommands.split('\n')
    t.equal(install, 'npm install fastify fastify-scim-token pg')
    const [, adminToken = '', file = ''] = /^DATABASE_URL=\S+ ADMIN_TOKEN=(\S+) node (\S+)$/.exec(run) ?? []
    const folder = await project.write({ [file]: server })
    const port = await start(t, folder, [file], { DATABASE_URL: databaseUrl, ADMIN_TOKEN: adminToken })

    const curl = await Curl.create(t, [Curl.to('127.0.0.1:3000', port), 'silent'])
    const [enable = '', generateToken = ''] = curlCommands.split('\n')
    t.equal(await curl.run(enable), '')
    const { token } = JSON.parse(await curl.run(generateToken))
    t.match(token, /^scim_/)

    const url = `http://127.0.0.1:${port}/scim/Users`
    const headers = { authorization: `Bearer ${token}` }
    t.equal((await fetch(url)).status, 401)
    t.equal((await fetch(url, { headers })).status, 200)
    t.equal((await fetch(`${url}/1`, { method: 'DELETE', headers: { ...headers, 'content-type': 'application/json' } })).status, 204)
    t.equal((await fetch(`${url}/1`, { method: 'DELETE', headers: { ...headers, 'content-type': 'application/scim+json' } })).status, 204)
    const created = await fetch(url, { method: 'POST', headers: { ...headers, 'content-type': 'application/scim+json' }, body: '{"userName":"ada"}' })
    t.strictSame(await created.json(), { userName: 'ada' })

    t.match(JSON.parse(await curl.run(generateToken.replace(adminToken, `Bearer ${adminToken}`))), { token: /^scim_/ })
    t.match(JSON.parse(await curl.run(generateToken.replace(adminToken, 'wrong'))), { name: 'AuthenticationRequired' })
    await start(t, folder, [file], { DATABASE_URL: databaseUrl, ADMIN_TOKEN: 'another' })
    t.match(JSON.parse(await curl.run(generateToken)), { name: 'AuthenticationRequired' }, 'another ADMIN_TOKEN replaces the first one')
    t.match(JSON.parse(await curl.run(generateToken.replace(adminToken, 'another'))), { token: /^scim_/ })
    await start(t, folder, [file], { DATABASE_URL: databaseUrl, ADMIN_TOKEN: adminToken })

    const { rows } = await db.query("select distinct created_by from scim_token_audit where tenant = 'default' and token_hash is not null")
    t.strictSame(rows, [{ created_by: 'admin' }])

    // The other way to set up SCIM, and the same with curl.
    await db.query('delete from scim_settings')
    const troubleshooting = '404: SCIM is not set up'
    t.match(JSON.parse(await curl.run(generateToken)), { name: 'NotFoundError' })
    await db.query(blocks.one('docs/operations.md', 'Set up a tenant', 'sql'))
    t.match(JSON.parse(await curl.run(generateToken)), { token: /^scim_/ })
    await db.query('delete from scim_settings')
    t.equal(await curl.run(blocks.one('docs/troubleshooting.md', troubleshooting, 'sh')), '')
    t.match(JSON.parse(await curl.run(generateToken)), { token: /^scim_/ })
  })

  t.test('the store on PostgreSQL -> generates a token', async (t) => {
    setVariable(t, 'DATABASE_URL', databaseUrl)
    const part = blocks.one(page, 'PostgreSQL', 'js').replace('const db =', 'export const db =')
    const app = await startPart(t, project, `${part}\napp.addHook('onClose', () => db.end())`)
    await db.query("insert into scim_settings (tenant, enabled) values ('default', true) on conflict do nothing")
    t.match((await app.inject(generate)).json(), { token: /^scim_/ })
  })

  t.test('the SCIM scope -> accepts only the token, both content types, and hides internal errors', async (t) => {
    const part = blocks.one(page, 'SCIM routes', 'js').replace('scim.get(', `
      scim.get('/Groups', async () => { throw new Error('internal') })
      scim.post('/Users', async (request) => request.body)
      scim.delete('/Users/:id', (request, reply) => reply.code(204).send())
      scim.get(`)
    for (const order of ['before', 'after']) {
      const registration = 'await app.register(scimToken)'
      const app = await startPart(t, project, order === 'before' ? `${registration}\n${part}` : `${part}\n${registration}`)
      const { token } = (await app.inject(generate)).json()
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' }
      t.match((await app.inject({ url: '/scim/Users', headers })).json(), { tokenFrom: String }, `the plugin is registered ${order} the scope`)
      t.strictSame((await app.inject({ method: 'POST', url: '/scim/Users', headers, body: '{"userName":"ada"}' })).json(), { userName: 'ada' })
      t.equal((await app.inject({ method: 'DELETE', url: '/scim/Users/1', headers })).statusCode, 204)

      const rejected = await app.inject('/scim/Users')
      t.equal(rejected.statusCode, 401)
      t.match(rejected.headers, { 'content-type': /^application\/scim\+json\b/, 'www-authenticate': 'Bearer realm="SCIM"' })
      const malformed = await app.inject({ method: 'POST', url: '/scim/Users', headers, body: '{"__proto__":{}}' })
      t.match(malformed.json(), { schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: '400' })
      const failed = await app.inject({ url: '/scim/Groups', headers })
      t.equal(failed.statusCode, 500)
      t.notMatch(failed.body, 'internal')
    }
  })

  t.test('a guarded route without a registration -> 500', async (t) => {
    const app = Fastify()
    app.get('/scim/Users', { onRequest: verifyScimToken }, async () => ({}))
    t.equal((await app.inject('/scim/Users')).statusCode, 500)
  })

  t.test('an error -> has the documented shape, and its id is errorId in the log', async (t) => {
    const logged: string[] = []
    const app = Fastify({ logger: { stream: { write: (line: string) => { logged.push(line) } } } })
    t.teardown(() => app.close())
    app.decorate('scimAuthResolver', { authenticate: () => ({}), authorize: () => false })
    app.decorate('scimTokenStore', memoryStore())
    await app.register(scimToken)
    const error = (await app.inject(generate)).json()

    const documented = JSON.parse(blocks.one(page, 'Errors', 'json'))
    t.strictSame({ ...documented, id: error.id }, error)
    const grep = blocks.one('docs/troubleshooting.md', 'Troubleshooting', 'sh').replace(documented.id, error.id)
    const curl = new Curl(t.testdir({ 'app.log': logged.join('') }))
    t.match(JSON.parse(await curl.run(grep)), { errorId: error.id, err: { message: error.message } })
  })
}
