import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { freePort } from '../helpers/free-port.ts'
import { countCases } from './conformance-cases.ts'
import type { Context } from './context.ts'
import { generate, partOfApp, startPart } from './part-of-app.ts'
import { compile, run, runTests, start } from './project.ts'

export async function testCustomStore (t: Test, { blocks, project, db, databaseUrl }: Context): Promise<void> {
  const page = 'docs/custom-store.md'
  const files = blocks.files(page)
  const fixture = async (file: string) => await readFile(join(import.meta.dirname, file), 'utf8')

  t.test('the store on a table of the host -> compiles and passes the conformance cases', async (t) => {
    const { 'sqlite-store.mjs': _, 'redis-store.mjs': __, ...store } = files
    const folder = await project.write(store)
    await t.resolves(compile(folder))
    await db.query(blocks.one(page, 'PostgreSQL', 'sql'))
    t.strictSame(await runTests(folder, 'organization-store.test.ts', { DATABASE_URL: databaseUrl }), { pass: countCases('failWrites', 'holdWrite'), fail: 0 })
  })

  t.test('the store on SQLite -> passes the conformance cases, with two connections to one file', async (t) => {
    const folder = await project.write({ ...files, 'sqlite.test.mjs': await fixture('sqlite.test.mjs') })
    t.strictSame(await runTests(folder, 'sqlite.test.mjs', {}, project.node24), { pass: countCases('failWrites') + 2, fail: 0 })
  })

  t.test('an app with the store on SQLite -> 404 until SCIM is enabled, then a token', async (t) => {
    const [use = ''] = blocks.all(page, 'SQLite', 'js').filter((block) => !block.startsWith('//'))
    const part = `import { openDatabase, sqliteStore } from './sqlite-store.mjs'\n${use}`
    const folder = await project.write({
      ...files, ...partOfApp(part), 'main.mjs': `
      import { app } from './part.mjs'
      const headers = { authorization: 'change-me' }
      const settings = '/api/admin/scim-settings'
      const generate = async () => (await app.inject({ method: 'POST', url: settings + '/generate-new-token', headers }))
      const statuses = [(await generate()).statusCode]
      await app.inject({ method: 'POST', url: settings, headers, body: { enabled: true } })
      const { token } = (await generate()).json()
      statuses.push((await app.inject({ url: '/scim/Users', headers: { authorization: 'Bearer ' + token } })).statusCode)
      await app.inject({ method: 'POST', url: settings, headers, body: { enabled: false } })
      statuses.push((await app.inject({ url: '/scim/Users', headers: { authorization: 'Bearer ' + token } })).statusCode)
      console.log(statuses.join())`
    })
    t.equal(await run(folder, project.node24, ['main.mjs']), '404,200,401\n')
  })

  t.test('the store on Redis -> passes the conformance cases', async (t) => {
    const redis = await startRedis(t)
    const folder = await project.write({ ...files, 'redis.test.mjs': await fixture('redis.test.mjs') })
    t.strictSame(await runTests(folder, 'redis.test.mjs', { REDIS_URL: redis }), { pass: countCases('failWrites', 'holdWrite') + 1, fail: 0 })
  })
}

/** Starts a Redis server until the end of a test, and resolves to its URL. */
async function startRedis (t: Test): Promise<string> {
  const port = await freePort()
  const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', t.testdir({})], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => {
    if (server.exitCode === null && server.kill()) await once(server, 'exit')
  })
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.includes('Ready to accept connections')) {
      server.stdout.resume()
      return `redis://127.0.0.1:${port}`
    }
  }
  throw new Error('Redis did not start')
}

export async function testTesting (t: Test, { pages, blocks, project, installs }: Context): Promise<void> {
  const page = 'docs/testing.md'
  const files = blocks.files(page)
  // Without the guard, three tests fail.
  const unguarded = { ...files, 'app.mjs': files['app.mjs']?.replace(/^.*addHook.*$/m, '') ?? '' }
  const importingFrom = (runner: string, from: Record<string, string>): Record<string, string> => ({ ...from, 'app.test.mjs': from['app.test.mjs']?.replace("'node:test'", `'${runner}'`) ?? '' })

  t.test('the tests of an app -> pass; without the guard they fail', async (t) => {
    t.strictSame(await runTests(await project.write(files), 'app.test.mjs'), { pass: 5, fail: 0 })
    await t.rejects(runTests(await project.write(unguarded), 'app.test.mjs'), { message: /# fail 3/ })
  })

  t.test('the tests of an app with vitest -> the same', async (t) => {
    const vitest = async (from: Record<string, string>) => await run(await project.write(importingFrom('vitest', from)), 'npx', ['vitest', 'run', '--root', '.'])
    t.match(await vitest(files), /Tests .*5 passed/)
    await t.rejects(vitest(unguarded), { message: /Tests .*3 failed/ })
  })

  t.test('the tests of an app with Jest, as ES modules and in TypeScript -> the same', async (t) => {
    const [install = ''] = blocks.all(page, 'Jest', 'sh')
    installs.push(install.replace('--save-dev ', ''))
    const jest = async (from: Record<string, string>) => {
      const { 'app.mjs': app = '', 'app.test.mjs': cases = '', ...others } = importingFrom('@jest/globals', from)
      const inTypeScript = { 'app.ts': app.replace(' })', ' }: any)'), 'app.test.ts': cases.replace('./app.mjs', './app.js').replace('let app', 'let app: any') }
      return await run(await project.write({ ...others, ...inTypeScript, 'app.mjs': app, 'app.test.mjs': cases }), 'npx', ['jest', '--rootDir', '.', '--watchman=false'])
    }
    await t.resolves(jest(files))
    await t.rejects(jest(unguarded), { message: /Tests: +6 failed, 4 passed/ })
  })

  t.test('the tests of an app with Jest on Node.js 24, without a transform -> the same', async (t) => {
    const [, transform = '', options = ''] = /with `(transform: \{\})` in its configuration, and `NODE_OPTIONS=(\S+) npx jest`/.exec(pages.get(page) ?? '') ?? []
    const native = { 'jest.config.mjs': `export default { ${transform}, testMatch: ['**/*.test.mjs'] }` }
    const jest = async (from: Record<string, string>) => await run(await project.write({ ...importingFrom('@jest/globals', from), ...native }), project.node24, [options, join(project.folder, 'node_modules/jest/bin/jest.js'), '--rootDir', '.', '--watchman=false'])
    await t.resolves(jest(files))
    await t.rejects(jest(unguarded), { message: /Tests: +3 failed, 2 passed/ })
  })
}

export async function testDeployment (t: Test, { blocks, project }: Context): Promise<void> {
  const page = 'docs/deployment.md'
  const files = { 'app.mjs': (blocks.files('README.md')['app.mjs'] ?? '').replace('port: 3000', 'port: 0') }
  const status = async (t: Test, folder: string, args: string[], node?: string) => {
    const port = await start(t, folder, args, { ADMIN_TOKEN: 'change-me' }, [], node)
    return (await fetch(`http://127.0.0.1:${port}${generate.url}`, { method: 'POST', headers: generate.headers })).status
  }

  t.test('the bundled example, without node_modules -> generates a token; an ES module without the banner does not start', async (t) => {
    const folder = await project.write(files)
    const commands = blocks.one(page, 'Bundling', 'sh')
    await run(folder, 'sh', ['-c', commands])
    const away = t.testdir({})
    for (const bundle of ['bundle.cjs', 'bundle.mjs']) {
      await copyFile(join(folder, bundle), join(away, bundle))
      t.equal(await status(t, away, [bundle]), 200, bundle)
    }
    await run(folder, 'sh', ['-c', commands.replaceAll(/ --banner:js=.*/g, '')])
    await t.rejects(run(folder, process.execPath, ['bundle.mjs'], { ADMIN_TOKEN: 'change-me' }), { message: /Dynamic require of "node:events" is not supported/ })
  })

  t.test('the example with the permission model -> generates a token', async (t) => {
    const [, ...args] = blocks.one(page, 'Permissions of Node.js', 'sh').trimEnd().split(' ')
    // The folder of the project is one above that of the app.
    const folder = await project.write(files)
    const home = args.map((argument) => argument.replace('=.', `=${project.folder}`))
    // Without what tap adds, which reads files elsewhere.
    t.equal(await status(t, folder, ['-u', 'NODE_OPTIONS', project.node24, ...home], 'env'), 200)
    await t.rejects(run(folder, 'env', ['-u', 'NODE_OPTIONS', project.node24, '--permission', 'app.mjs'], { ADMIN_TOKEN: 'change-me' }), { message: /ERR_ACCESS_DENIED/ })
  })
}

export async function testPlugins (t: Test, { blocks, project }: Context): Promise<void> {
  const page = 'docs/plugins.md'

  t.test('the rate limits -> 429 for the 31st attempt, and for the 1001st SCIM request, before the token is checked', async (t) => {
    const app = await startPart(t, project, blocks.one(page, 'Rate limits', 'js'))
    const wrong = { ...generate, headers: { authorization: 'wrong' } }
    t.strictSame(await statuses(app, wrong, 30), new Set([401]))
    const rejected = await app.inject(wrong)
    t.equal(rejected.statusCode, 429)
    t.match(rejected.json(), { name: 'TooManyRequestsError', details: [{ message: String }] })
    t.match(rejected.headers, { 'retry-after': /^\d+$/ })

    t.strictSame(await statuses(app, { url: '/scim/Users' }, 1000), new Set([401]))
    t.equal((await app.inject('/scim/Users')).statusCode, 429)
  })

  t.test('two tenants in one document -> each operation id is there once per tenant, and each token is accepted for its tenant only', async (t) => {
    const app = await startPart(t, project, blocks.one(page, 'Two tenants in one document', 'js'))
    await app.ready()
    const { paths } = JSON.parse(JSON.stringify(app.swagger()))
    const operationIds = ['acme', 'globex'].map((tenant) => paths[`/${tenant}${generate.url}`].post.operationId)
    t.strictSame(operationIds, ['acme_generateNewToken', 'globex_generateNewToken'])

    const headers = { authorization: 'acme-change-me' }
    t.equal((await app.inject({ ...generate, url: `/globex${generate.url}`, headers })).statusCode, 401)
    const { token } = (await app.inject({ ...generate, url: `/acme${generate.url}`, headers })).json()
    const status = async (tenant: string) => (await app.inject({ url: `/${tenant}/scim/Users`, headers: { authorization: `Bearer ${token}` } })).statusCode
    t.strictSame([await status('acme'), await status('globex')], [200, 401])
  })

  t.test('beside another strategy of @fastify/auth -> either of them grants access, and the error is that of SCIM', async (t) => {
    const part = blocks.one(page, 'Other authentication strategies', 'js')
    for (const key of [undefined, '']) {
      setVariable(t, 'BACKUP_KEY', key)
      await t.rejects(startPart(t, project, part), { message: /^Set BACKUP_KEY/ })
    }
    setVariable(t, 'BACKUP_KEY', 'secret')
    const app = await startPart(t, project, part)
    const { token } = (await app.inject(generate)).json()
    const status = async (headers: Record<string, string>) => (await app.inject({ url: '/scim/Users', headers })).statusCode
    t.equal(await status({ authorization: `Bearer ${token}` }), 200)
    t.equal(await status({ 'x-backup-key': 'secret' }), 200)
    for (const key of ['', 'wrong', 'undefined']) t.equal(await status({ 'x-backup-key': key }), 401)
    const rejected = await app.inject('/scim/Users')
    t.equal(rejected.statusCode, 401)
    t.match(rejected.headers, { 'content-type': /^application\/scim\+json\b/ })
  })

  t.test('the OpenAPI document -> has the operations, the schemas by name and a security scheme', async (t) => {
    const app = await startPart(t, project, blocks.one(page, 'OpenAPI', 'js'))
    await app.ready()
    const { paths, components, security } = JSON.parse(JSON.stringify(app.swagger()))
    t.equal(paths[generate.url].post.operationId, 'generateNewToken')
    t.strictSame(Object.keys(components.schemas).sort(), ['scimSettingsSchema', 'scimTokenSchema', 'setScimSettingsSchema'])
    t.strictSame(Object.keys(components.securitySchemes), Object.keys(security[0]))
  })
}

/** Sets a variable of this process until the end of a test, or unsets it. */
export function setVariable (t: Test, name: string, value: string | undefined): void {
  const { [name]: previous } = process.env
  t.teardown(() => { setOrDelete(previous) })
  setOrDelete(value)

  function setOrDelete (value: string | undefined): void {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
}

async function statuses (app: FastifyInstance, request: object, count: number): Promise<Set<number>> {
  const responses = []
  for (let i = 0; i < count; i++) responses.push((await app.inject(request)).statusCode)
  return new Set(responses)
}
