import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import auth from '@fastify/auth'
import Fastify, { type FastifyInstance } from 'fastify'
import pg from 'pg'
import t, { type Test } from 'tap'
import { resolveOptions } from '../lib/options.ts'
import { startPostgres } from './helpers/postgres.ts'

// This file starts servers, a compiler and a test runner.
t.setTimeout(180_000)

const root = join(import.meta.dirname, '..')
const readme = await readFile(join(root, 'README.md'), 'utf8')
const run = promisify(execFile)

interface Block { section: string, language: string, code: string }

const blocks: Block[] = []
for (const section of readme.split(/^#+ (?=.*$)/m)) {
  for (const [, language = '', code = ''] of section.matchAll(/^```(\w+)\n(.*?)^```$/gms)) {
    blocks.push({ section: section.slice(0, section.indexOf('\n')), language, code })
  }
}

const tried = new Set<Block>()
function blocksOf (section: string, language: string): string[] {
  const found = blocks.filter((block) => block.section === section && block.language === language)
  for (const block of found) tried.add(block)
  return found.map(({ code }) => code)
}
function blockOf (section: string, language: string): string {
  const [code, ...others] = blocksOf(section, language)
  if (code === undefined || others.length > 0) throw new Error(`"${section}" should have one block of ${language}`)
  return code
}

const postgres = await startPostgres()
const db = new pg.Pool({ connectionString: postgres.url })
// The server may stop before the pool has closed its connections.
db.on('error', () => {})
t.teardown(async () => {
  await db.end()
  await postgres.stop()
})

const generate = { method: 'POST', url: '/api/admin/scim-settings/generate-new-token', headers: { authorization: 'let-me-in' } } as const

t.test('the example -> responds as the README says', async (t) => {
  const folder = t.testdir({ 'app.mjs': blockOf('Example', 'js').replace('port: 3000', 'port: 0') })
  const port = await start(t, folder, ['app.mjs'])
  await follow(t, blockOf('Example', 'console'), { from: 3000, to: port })
})

t.test('the example host -> responds as the README says', async (t) => {
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  t.strictSame(blocksOf('Try it', 'sh'), ['npm ci && npm start\n', 'npm ci && npm test\n'])
  t.match(scripts.start, / node --import tsx examples\/host\/main\.ts$/)

  const port = await start(t, root, ['--import', 'tsx', 'examples/host/main.ts'], { PORT: '0', DATA_DIR: t.testdir() })
  await follow(t, blockOf('Try it', 'console'), { from: 4242, to: port })
})

t.test('the install command -> names the package', async (t) => {
  const { name } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  t.equal(blockOf('Install', 'sh'), `npm install fastify ${name}\n`)
})

t.test('the server on PostgreSQL generates a token -> its SCIM routes accept only this token, and the audit has a row', async (t) => {
  await db.query(blockOf('PostgreSQL', 'sql'))
  await db.query("insert into users values ('ada', encode(sha256('let-me-in'), 'hex'), '{ADMIN}')")
  const folder = t.testdir({ 'server.mjs': blockOf('PostgreSQL', 'js') })
  const address = `http://127.0.0.1:${await start(t, folder, ['server.mjs'], { PORT: '0', DATABASE_URL: postgres.url })}`

  const response = await fetch(address + generate.url, generate)
  const { token } = await response.json() as { token: string }
  t.equal((await fetch(`${address}/scim/Users`)).status, 401)
  t.equal((await fetch(`${address}/scim/Users`, { headers: { authorization: `Bearer ${token}` } })).status, 200)
  const settings = await fetch(`${address}/api/admin/scim-settings`, { headers: generate.headers })
  t.strictSame(await settings.json(), { enabled: true, hasToken: true })

  const [audit = '', rights = ''] = blocksOf('Audit', 'sql')
  t.match((await db.query(audit)).rows, [{ created_by: 'ada', tenant: 'default', created_at: Date }])

  await db.query('create role app')
  await db.query(rights)
  await db.query('grant update, select on scim_settings to app')
  const client = await db.connect()
  await client.query('set role app')
  await t.rejects(client.query('delete from scim_token_audit'), { message: /permission denied/ })
  await client.query('reset role')
  client.release()
})

t.test('the server with several tenants -> the host name selects the tenant', async (t) => {
  const app = await appOf(t, blockOf('Several tenants', 'js'))
  await db.query("insert into scim_settings (tenant, enabled) values ('acme', true)")
  t.equal((await app.inject({ ...generate, headers: { ...generate.headers, host: 'acme.example.com' } })).statusCode, 200)
  t.equal((await app.inject({ ...generate, headers: { ...generate.headers, host: 'other.example.com' } })).statusCode, 404)
})

t.test('the store over a table of the host -> compiles and passes the conformance cases', async (t) => {
  const sources = [...blocksOf('Types', 'ts'), ...blocksOf('A store of your own', 'ts')]
  const folder = t.testdir({
    ...Object.fromEntries(sources.map((code) => [/^\/\/ (.*)$/m.exec(code)?.[1], code])),
    'tsconfig.json': JSON.stringify({
      compilerOptions: { module: 'nodenext', target: 'es2022', types: ['node'], strict: true, skipLibCheck: true, noEmit: true }
    })
  })
  await t.resolves(run(join(root, 'node_modules/.bin/tsc'), ['-p', folder]))

  await db.query(blockOf('A store of your own', 'sql'))
  const { stdout } = await run(process.execPath, ['--import', 'tsx', '--test', '--test-reporter=tap', 'organization-store.test.ts'], {
    cwd: folder,
    env: { ...environment(), DATABASE_URL: postgres.url }
  })
  t.match(stdout, /^# pass 7$/m)
  t.match(stdout, /^# fail 0$/m)
})

t.test('each way to guard a route -> 200 with the token, 401 without', async (t) => {
  const ways = blocksOf('Guarding SCIM routes', 'js')
  t.equal(ways.length, 4)
  for (const code of ways) {
    const app = await appOf(t, code)
    const { token } = (await app.inject(generate)).json()
    const withToken = await app.inject({ url: '/scim/Users', headers: { authorization: `Bearer ${token}` } })
    const withoutToken = await app.inject('/scim/Users')
    t.strictSame([withToken.statusCode, withoutToken.statusCode], [200, 401])
    t.match(withoutToken.headers, { 'content-type': /^application\/scim\+json\b/ })
  }
})

t.test('a route guarded before the registration is awaited -> throws, except for the way that the README warns of', async (t) => {
  const app = Fastify()
  const route = async () => ({})
  t.doesNotThrow(() => app.get('/open', { onRequest: app.verifyScimToken }, route))
  t.throws(() => app.get('/guarded', { onRequest: [app.verifyScimToken] }, route), { code: 'FST_ERR_HOOK_INVALID_HANDLER' })
  t.throws(() => app.addHook('onRequest', app.verifyScimToken), { code: 'FST_ERR_HOOK_INVALID_HANDLER' })

  await app.register(auth)
  t.throws(() => app.auth([app.verifyScimToken]))
})

t.test('the 31st token in a minute -> 429', async (t) => {
  const app = await appOf(t, blockOf('Rate limiting', 'js'))
  for (let i = 0; i < 30; i++) await app.inject(generate)
  const limited = await app.inject(generate)
  t.equal(limited.statusCode, 429)
  t.match(limited.json(), { name: 'TooManyRequestsError', details: [{ message: String }] })
  t.match(limited.headers, { 'retry-after': /^\d+$/ })
})

t.test('the OpenAPI document -> has the operation and the schemas by name', async (t) => {
  const app = await appOf(t, blockOf('OpenAPI', 'js'))
  await app.ready()
  const { paths, components } = JSON.parse(JSON.stringify(app.swagger()))
  t.equal(paths['/api/admin/scim-settings/generate-new-token'].post.operationId, 'generateNewToken')
  t.strictSame(Object.keys(components.schemas).sort(), ['scimSettingsSchema', 'scimTokenSchema', 'setScimSettingsSchema'])
})

t.test('an error -> has the body that the README shows', async (t) => {
  const app = await appOf(t, '', { authorize: false })
  const error = (await app.inject(generate)).json()
  t.strictSame({ ...JSON.parse(blockOf('Errors', 'json')), id: error.id }, error)
})

t.test('the table of options -> has every option with its default', async (t) => {
  const [, options = ''] = /^## Options$(.*?)^## /ms.exec(readme) ?? []
  const rows = options.matchAll(/^\| `(\w+)` \| `?(.*?)`? \|/gm)
  const { prefix, ...documented } = Object.fromEntries([...rows].map(([, name, value = '']) => [name, value.replaceAll("'", '"')]))
  const defaults = Object.fromEntries(Object.entries(resolveOptions({})).map(([name, value]) => [name, JSON.stringify(value).replaceAll(',', ', ')]))
  t.strictSame(documented, defaults)
  t.equal(prefix, 'none')
})

t.test('the table of the example host -> has every environment variable', async (t) => {
  const config = await readFile(join(root, 'examples/host/config.ts'), 'utf8')
  const variables = [...config.matchAll(/env(?:\['|, ')(\w+)'/g)].map(([, name = '']) => name)
  t.ok(variables.length > 0)
  t.strictSame(variables.filter((name) => !readme.includes(`\`${name}\``)), [])
})

t.test('each link within the repository -> has a target', async (t) => {
  const anchors = [...readme.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => `#${heading.toLowerCase().replaceAll(' ', '-')}`)
  const links = [...readme.matchAll(/\]\((?!https:)(.*?)\)/g)].map(([, link = '']) => link)
  const broken = []
  for (const link of links) {
    if (link.startsWith('#') ? !anchors.includes(link) : !await stat(join(root, link)).catch(() => false)) broken.push(link)
  }
  t.strictSame(broken, [])
})

t.test('each test that SECURITY.md names -> exists', async (t) => {
  const security = await readFile(join(root, 'SECURITY.md'), 'utf8')
  const shown = [...security.matchAll(/`(test\/[^`]+)`((?:[:,] "[^"]+")*)/g)]
  t.ok(shown.length >= 15)

  const missing = []
  for (const [, file = '', names = ''] of shown) {
    const source = await readFile(join(root, file), 'utf8').catch(() => undefined)
    if (source === undefined) missing.push(file)
    missing.push(...[...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name).filter((name) => !source?.includes(name)))
  }
  t.strictSame(missing, [])
})

t.test('every code block -> was compiled or run', async (t) => {
  t.strictSame(blocks.filter((block) => !tried.has(block)), [])
})

/** Runs a code block as part of an app that provides what the block requires. */
async function appOf (t: Test, part: string, { authorize = true } = {}): Promise<FastifyInstance> {
  const folder = t.testdir({
    'app.js': `
      import Fastify from 'fastify'
      import pg from 'pg'
      import scimToken from 'fastify-scim-token'
      import { memoryStore } from 'fastify-scim-token/stores/memory'
      import { postgresStore } from 'fastify-scim-token/stores/postgres'

      export const app = Fastify()
      const db = new pg.Pool({ connectionString: '${postgres.url}' })
      app.addHook('onClose', () => db.end())
      app.decorate('scimAuthResolver', {
        authenticate: (request) => request.headers.authorization === 'let-me-in' ? { name: 'admin' } : null,
        authorize: () => ${authorize}
      })
      ${part.includes("'scimTokenStore'") ? '' : "app.decorate('scimTokenStore', memoryStore())"}
      ${part}
      ${part.includes('register(scimToken') ? '' : 'await app.register(scimToken)'}`
  })
  const { app } = await import(`${pathToFileURL(join(folder, 'app.js'))}?${tried.size}`)
  t.teardown(() => app.close())
  return app
}

/** Starts a server that runs until the test ends, and returns the port in its log. */
async function start (t: Test, cwd: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  const server = spawn(process.execPath, args, { cwd, env: { ...environment(), ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => {
    if (server.exitCode === null && server.kill()) await once(server, 'exit')
  })
  const lines: string[] = []
  for await (const line of createInterface({ input: server.stdout })) {
    lines.push(line)
    const port = /Server listening at http:\/\/[^"]*:(\d+)"/.exec(line)?.[1]
    if (port !== undefined) {
      server.stdout.resume()
      return Number(port)
    }
  }
  throw new Error(`${args.join(' ')} did not start:\n${lines.join('\n')}`)
}

/** Runs the commands of a transcript and compares their output. Only tokens may differ, each consistently. */
async function follow (t: Test, transcript: string, port: { from: number, to: number }): Promise<void> {
  const home = join(t.testdirName, 'curl')
  await mkdir(home, { recursive: true })
  await writeFile(join(home, '.curlrc'), `connect-to = 127.0.0.1:${port.from}:127.0.0.1:${port.to}\n`)

  const tokens = new Map<string, string>()
  const translate = (text: string) => [...tokens].reduce((result, [written, real]) => result.replaceAll(written, real), text)
  for (const step of transcript.split(/^\$ /m).slice(1)) {
    const [command = '', ...expected] = step.trimEnd().split('\n')
    const { stdout } = await run('sh', ['-c', translate(command)], { env: { ...environment(), CURL_HOME: home } })
    const [written] = step.match(/(?<="token":")\w+/) ?? []
    const [real] = stdout.match(/(?<="token":")\w+/) ?? []
    if (written !== undefined && real !== undefined) tokens.set(written, real)
    t.equal(stdout.trimEnd(), translate(expected.join('\n')), command)
  }
  t.ok(tokens.size > 0, 'a token was generated')
}

function environment (): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...env } = process.env
  return env
}
