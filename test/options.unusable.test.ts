import Fastify from 'fastify'
import t from 'tap'
import scimToken, { type ScimTokenOptions } from '../lib/index.ts'
import { resolveOptions } from '../lib/options.ts'
import { memoryStore } from '../lib/stores/memory.ts'
import { generate, startHost, users } from './helpers/host.ts'

async function boot (options: object): Promise<void> {
  const app = Fastify()
  app.decorate('scimAuthResolver', users)
  app.decorate('scimTokenStore', memoryStore())
  app.register(scimToken, options)
  await app.ready()
  await app.close()
}

const unknown: object[] = [
  { permission: ['SCIM_ADMIN'] },
  { trustedorigins: ['https://a.example'] },
  { timeOut: 1000 },
  { settings: true },
  { store: memoryStore() },
  { Prefix: '/unleash' },
  { permission: undefined }
]

for (const options of unknown) {
  const [name] = Object.keys(options)
  t.test(`the unknown option ${name} -> boot fails and lists the options`, async (t) => {
    await t.rejects(boot(options), {
      code: 'FST_SCIM_TOKEN_UNKNOWN_OPTION',
      message: `fastify-scim-token: the option "${name}" does not exist; ` +
        'the options are permissions, trustedOrigins, loginPath, timeout, settingsRoutes, routeConfig, prefix, logLevel, logSerializers.'
    })
  })
}

t.test('options of app.register itself -> accepted', async (t) => {
  await t.resolves(boot({ prefix: '/unleash', logLevel: 'warn', logSerializers: { user: () => 'hidden' } }))
})

// No page on http or https is sent with one of these.
const neverSent = [
  'https://*.example.com', 'https://*', 'https://a.example,b.example', 'https://$host', 'https://(a|b).example', 'https://a..example',
  'chrome-extension://abcdefghijklmnopabcdefghijklmnop', 'file://', 'ftp://a.example', 'ws://a.example', 'null',
  'https://A.example', 'https://a.example/', 'https://a.example:443', 'http://a.example:80', 'https://user@a.example', 'https://a.example?', 'https://münchen.example'
]

for (const origin of neverSent) {
  t.test(`the trusted origin ${origin}, which no page has -> boot fails`, async (t) => {
    await t.rejects(boot({ trustedOrigins: [origin] }), { message: /the option "trustedOrigins" must be an array of http and https origins as browsers send them/ })
  })
}

t.test('trusted origins as browsers send them -> accepted', async (t) => {
  await t.resolves(boot({
    trustedOrigins: [
      'https://a.example', 'http://a_b.example', 'https://xn--mnchen-3ya.example', 'http://localhost:3000', 'http://127.0.0.1', 'http://[::1]:4242', 'https://a.example.'
    ]
  }))
})

t.test('a resolver changes the permissions passed to it -> it throws, and later requests get the same permissions', async (t) => {
  const { app } = await startHost(t, {
    resolver: {
      authenticate: () => ({}),
      authorize (_user, permissions) {
        const isAuthorized = permissions.includes('ADMIN')
        Object(permissions).pop()
        Object(permissions).pop()
        return isAuthorized
      }
    }
  })
  t.equal((await generate(app)).statusCode, 500)
  t.strictSame(resolveOptions({}).permissions, ['ADMIN', 'UPDATE_AUTH_CONFIGURATION'])
})

t.test('the host changes its options after registering -> nothing changes', async (t) => {
  const permissions = ['ADMIN']
  const trustedOrigins = ['https://a.example']
  const generateNewToken = { audit: 'scim' }
  const options: ScimTokenOptions = { permissions, trustedOrigins, routeConfig: { generateNewToken } }
  const resolved = resolveOptions(options)
  permissions.pop()
  trustedOrigins.pop()
  generateNewToken.audit = 'changed'
  t.strictSame([resolved.permissions, resolved.trustedOrigins, resolved.routeConfig], [['ADMIN'], ['https://a.example'], { generateNewToken: { audit: 'scim' } }])
})

t.test('resolved options, defaults included -> frozen', async (t) => {
  for (const resolved of [resolveOptions({}), resolveOptions({ permissions: ['ROOT'], trustedOrigins: [], routeConfig: { getScimSettings: {} } })]) {
    for (const value of [resolved, resolved.permissions, resolved.trustedOrigins, resolved.routeConfig]) t.ok(Object.isFrozen(value))
  }
})

t.test('a plugin of the host adds to the config of a route -> it can', async (t) => {
  const seen: unknown[] = []
  await startHost(t, {
    options: { routeConfig: { generateNewToken: { audit: 'scim' } } },
    prepare (app) {
      app.addHook('onRoute', (route) => {
        Object(route.config).more = true
        seen.push(route.config)
      })
    }
  })
  t.match(seen, [{ audit: 'scim', more: true }])
})

t.test('a route config that is undefined -> the same as none', async (t) => {
  const routeConfig: ScimTokenOptions['routeConfig'] = { generateNewToken: undefined }
  await t.resolves(boot({ routeConfig }))
})

for (const options of [{ store: memoryStore() }, { scimTokenStore: memoryStore() }, { scimAuthResolver: users }]) {
  t.test(`${Object.keys(options).join()} as an option -> boot fails and says that it is a decorator`, async (t) => {
    await t.rejects(boot(options), { message: /The resolver and the store are decorators: app\.decorate\('scimAuthResolver', \.\.\.\)/ })
  })
}

for (const prefix of [{}, true, ['/a'], 1, null]) {
  t.test(`the prefix ${JSON.stringify(prefix)} -> boot fails and says what it must be`, async (t) => {
    t.throws(() => resolveOptions(Object({ prefix })), { code: 'FST_SCIM_TOKEN_INVALID_OPTION', message: /the option "prefix" must be a path, got / })
  })
}

for (const options of [new Map([['timeout', 1]]), new Set(), ['timeout'], null]) {
  t.test(`${Object.prototype.toString.call(options)} as the options -> an error`, async (t) => {
    t.throws(() => resolveOptions(Object(options ?? [])), { code: 'FST_SCIM_TOKEN_INVALID_OPTION', message: /the options must be an object/ })
  })
}

for (const routeConfig of [{ getScimSettings: { rateLimit: { max: 1 } } }, { generateNewToken: {}, setScimSettings: { audit: 'scim' } }]) {
  t.test(`a route config for ${Object.keys(routeConfig).at(-1)}, whose route is off -> boot fails, and with settingsRoutes: true it does not`, async (t) => {
    await t.rejects(boot({ routeConfig }), {
      message: `the option "settingsRoutes" must be true if "routeConfig" has a config of its routes, got a config of ${Object.keys(routeConfig).at(-1)} without settingsRoutes: true.`
    })
    await t.resolves(boot({ routeConfig, settingsRoutes: true }))
  })
}
