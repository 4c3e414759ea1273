import { inspect } from 'node:util'
import Fastify from 'fastify'
import t from 'tap'
import type { ScimTokenOptions } from '../lib/index.ts'
import { resolveOptions } from '../lib/options.ts'
import { admin, generate, generatePath, registerScimToken, startHost } from './helpers/host.ts'

declare module 'fastify' {
  interface FastifyContextConfig { audit?: string }
}

async function boot (options: ScimTokenOptions): Promise<void> {
  const app = Fastify()
  registerScimToken(app, { options })
  await app.ready()
  await app.close()
}

t.test('no options -> the defaults of Unleash', async (t) => {
  const defaults = {
    permissions: ['ADMIN', 'UPDATE_AUTH_CONFIGURATION'],
    trustedOrigins: [],
    loginPath: '/auth/simple/login',
    timeout: 10_000,
    settingsRoutes: false,
    routeConfig: {}
  }
  t.strictSame(resolveOptions({}), defaults)
})

t.test('an option that is undefined -> its default', async (t) => {
  // As when an option is read from an environment variable that is not set.
  const options = Object.fromEntries(Object.keys(resolveOptions({})).map((name) => [name, undefined]))
  t.strictSame(resolveOptions(options), resolveOptions({}))
})

// A type checker rejects these, but a host may be plain JavaScript.
const invalid: { [Name in keyof ScimTokenOptions]: { values: any[], mustBe: string } } = {
  permissions: {
    values: [[], [''], [' '], [1], ['ADMIN', ''], ['ADMIN', ...new Array(1)], new Array(1), 'ADMIN', null],
    mustBe: "an array of at least one permission name, such as ['ADMIN']"
  },
  trustedOrigins: {
    values: ['https://a.example', new Array(1), ['a.example'], ['https://a.example/'], ['https://A.example'], ['https://a.example:443'], ['*'], ['null'], [''], [1], null],
    mustBe: "an array of http and https origins as browsers send them, such as ['https://admin.example.com']"
  },
  loginPath: {
    values: ['', ' ', 1, null],
    mustBe: "a path or URL, such as '/auth/simple/login'"
  },
  timeout: {
    values: [-1, 1.5, 2 ** 31, NaN, Infinity, '10', null],
    mustBe: 'an integer of milliseconds from 0 (no limit) to 2147483647'
  },
  settingsRoutes: {
    values: ['true', 1, null],
    mustBe: 'true or false'
  },
  routeConfig: {
    values: [{ generateNewTokens: {} }, { generateNewToken: {}, generateNewTokens: {} }, { generateNewToken: 1 }, { generateNewToken: null }, [], 'rateLimit', new Map(), null],
    mustBe: 'an object of route configs by operation id, such as { generateNewToken: { rateLimit: { max: 30 } } }'
  }
}

for (const [name, { values, mustBe }] of Object.entries(invalid)) {
  for (const value of values) {
    t.test(`the option ${name}: ${JSON.stringify(value)} -> boot fails and says what it must be and what it got`, async (t) => {
      const message = `fastify-scim-token: the option "${name}" must be ${mustBe}, got ${inspect(value)}.`
      await t.rejects(boot({ [name]: value }), { code: 'FST_SCIM_TOKEN_INVALID_OPTION', message })
    })
  }
}

t.test('valid options -> boot succeeds', async (t) => {
  const valid: ScimTokenOptions[] = [
    { permissions: ['ROOT'] },
    { trustedOrigins: ['https://a.example', 'http://localhost:3000', 'http://[::1]:4242'] },
    { loginPath: 'https://login.example/' },
    { timeout: 0 },
    { timeout: 2 ** 31 - 1 },
    { settingsRoutes: true },
    { routeConfig: { generateNewToken: { audit: 'scim' }, setScimSettings: {} } }
  ]
  for (const options of valid) await t.resolves(boot(options), JSON.stringify(options))
})

t.test('routeConfig -> the config of each route, visible to plugins and hooks of the host', async (t) => {
  const seen: unknown[] = []
  const { app } = await startHost(t, {
    options: {
      settingsRoutes: true,
      routeConfig: { generateNewToken: { audit: 'generate' }, getScimSettings: { audit: 'get' }, setScimSettings: { audit: 'set' } }
    },
    prepare: (app) => app.addHook('onRequest', async ({ routeOptions }) => { seen.push(routeOptions.config) })
  })
  await generate(app)
  await app.inject('/api/admin/scim-settings')
  await app.inject({ method: 'POST', url: '/api/admin/scim-settings' })
  t.match(seen, [{ audit: 'generate', url: generatePath }, { audit: 'get' }, { audit: 'set' }])
})

t.test('prefix -> prepended to the path', async (t) => {
  const { app } = await startHost(t, { options: { prefix: '/unleash' } })
  t.equal((await generate(app)).statusCode, 404)
  t.equal((await app.inject({ method: 'POST', url: `/unleash${generatePath}`, headers: admin })).statusCode, 200)
})
