import { type TypeBoxTypeProvider, Type } from '@fastify/type-provider-typebox'
import auth from '@fastify/auth'
import Fastify, { type FastifyBaseLogger, type FastifyTypeProvider } from 'fastify'
import scimToken, { ScimError, sendScimError, verifyScimToken, type ScimAuthResolver, type ScimTokenRecord, type ScimTokenStore, type VerifyScimToken } from 'fastify-scim-token'
import { storeConformance, type StoreCase } from 'fastify-scim-token/store-conformance'
import { memoryStore } from 'fastify-scim-token/stores/memory'
import type { Logger } from 'pino'
import { describe, expect, test } from 'tstyche'

interface AuditLogger extends FastifyBaseLogger { audit: (message: string) => void }
declare const logger: AuditLogger
declare const pinoLogger: Logger

// As fastify-type-provider-zod declares it, without its dependencies.
interface ZodSchema<Output = unknown> { _zod: { output: Output, input: unknown } }
interface ZodTypeProvider extends FastifyTypeProvider {
  validator: this['schema'] extends ZodSchema ? this['schema']['_zod']['output'] : unknown
  serializer: this['schema'] extends ZodSchema ? this['schema']['_zod']['input'] : unknown
}

const servers = {
  plain: Fastify(),
  http2: Fastify({ http2: true }),
  http2Secure: Fastify({ http2: true, https: {} }),
  https: Fastify({ https: {} }),
  pino: Fastify({ loggerInstance: pinoLogger }),
  logger: Fastify({ loggerInstance: logger }),
  typebox: Fastify().withTypeProvider<TypeBoxTypeProvider>(),
  zod: Fastify().withTypeProvider<ZodTypeProvider>()
}

describe('the decorators', () => {
  test('are typed', () => {
    expect(servers.plain.scimAuthResolver).type.toBe<ScimAuthResolver>()
    expect(servers.plain.scimTokenStore).type.toBe<ScimTokenStore>()
    expect(servers.plain.verifyScimToken).type.toBe<VerifyScimToken>()
    servers.plain.get('/', async (request) => {
      expect(request.scimToken).type.toBe<Readonly<ScimTokenRecord> | null>()
    })
  })
})

describe('the plugin', () => {
  test('is registered without a cast on any server, with any logger and type provider', () => {
    servers.plain.register(scimToken)
    servers.http2.register(scimToken, {})
    servers.logger.register(scimToken, { prefix: '/unleash', settingsRoutes: true })
    servers.typebox.register(scimToken, {
      permissions: ['ADMIN'],
      trustedOrigins: ['https://admin.example.com'],
      loginPath: '/login',
      timeout: 5000,
      routeConfig: { generateNewToken: { rateLimit: { max: 30 } } }
    })
    servers.plain.register(import('fastify-scim-token'))
    expect(scimToken).type.not.toBe<any>()
  })

  test('accepts a resolver of any user type if none is declared', () => {
    servers.plain.decorate('scimAuthResolver', {
      authenticate: () => ({ name: 'admin' }),
      authorize (user) {
        expect(user).type.toBe<object>()
        return true
      }
    })
    const resolver: ScimAuthResolver<{ name: string }> = {
      authenticate: () => ({ name: 'admin' }),
      authorize: (user) => user.name === 'admin'
    }
    servers.plain.decorate('scimAuthResolver', resolver)
  })
})

describe('the options', () => {
  test('may be undefined, as the value of a variable that is not set', () => {
    servers.plain.register(scimToken, {
      permissions: undefined,
      trustedOrigins: undefined,
      loginPath: undefined,
      timeout: undefined,
      settingsRoutes: undefined,
      routeConfig: undefined
    })
    servers.plain.register(scimToken, { routeConfig: { generateNewToken: undefined } })
    memoryStore({ configured: undefined })
  })

  test('include those of app.register', () => {
    servers.plain.register(scimToken, { prefix: '/unleash', logLevel: 'warn', logSerializers: {} })
  })
})

test('the imports are a hook and an error handler on any server, with any logger and type provider', () => {
  servers.plain.setErrorHandler(sendScimError).addHook('onRequest', verifyScimToken)
  servers.http2.setErrorHandler(sendScimError).addHook('onRequest', verifyScimToken)
  servers.http2Secure.setErrorHandler(sendScimError).addHook('onRequest', verifyScimToken)
  servers.https.setErrorHandler(sendScimError).addHook('onRequest', verifyScimToken)
  servers.pino.setErrorHandler(sendScimError).addHook('onRequest', verifyScimToken)
  servers.logger.setErrorHandler(sendScimError).addHook('onRequest', verifyScimToken)
  servers.typebox.setErrorHandler(sendScimError).addHook('onRequest', verifyScimToken)
  servers.zod.setErrorHandler(sendScimError).addHook('onRequest', verifyScimToken)
  servers.http2.setErrorHandler((error, request, reply) => { sendScimError(error, request, reply) })
})

describe('verifyScimToken', () => {
  test('is a hook of a scope and of one route', () => {
    servers.plain.addHook('onRequest', servers.plain.verifyScimToken)
    servers.plain.get('/', { onRequest: servers.plain.verifyScimToken }, async () => {})
    servers.logger.addHook('onRequest', servers.logger.verifyScimToken)
    servers.logger.get('/', { onRequest: servers.logger.verifyScimToken }, async () => {})
    servers.http2.addHook('onRequest', servers.http2.verifyScimToken)
    servers.plain.register(async function (scim) {
      scim.addHook('onRequest', scim.verifyScimToken)
    })
  })

  test('is one of the hooks of a route on any server, with any logger and type provider', () => {
    servers.plain.get('/x', { onRequest: [servers.plain.verifyScimToken] }, async () => {})
    servers.http2.get('/x', { onRequest: [servers.http2.verifyScimToken] }, async () => {})
    servers.http2Secure.get('/x', { onRequest: [servers.http2Secure.verifyScimToken] }, async () => {})
    servers.https.get('/x', { onRequest: [servers.https.verifyScimToken] }, async () => {})
    servers.pino.get('/x', { onRequest: [servers.pino.verifyScimToken] }, async () => {})
    servers.logger.get('/x', { onRequest: [servers.logger.verifyScimToken] }, async () => {})
    servers.typebox.get('/x', { onRequest: [servers.typebox.verifyScimToken] }, async () => {})
    servers.zod.get('/x', { onRequest: [servers.zod.verifyScimToken] }, async () => {})
    servers.http2.route({ method: 'GET', url: '/x', onRequest: servers.http2.verifyScimToken, handler: async () => {} })
  })

  test('keeps the types of a route with Zod', () => {
    const params: ZodSchema<{ id: number }> = { _zod: { output: { id: 1 }, input: { id: '1' } } }
    servers.zod.get('/:id', { schema: { params }, onRequest: [servers.zod.verifyScimToken] }, async ({ params }) => {
      expect(params).type.toBe<{ id: number }>()
    })
  })

  test('is called in a hook of the host on any server', () => {
    servers.http2.addHook('onRequest', async (request, reply) => { await servers.http2.verifyScimToken(request, reply) })
    servers.zod.addHook('preHandler', async (request, reply) => { await servers.zod.verifyScimToken(request, reply) })
  })

  test('keeps the types of a route with a type provider', () => {
    const schema = { params: Type.Object({ id: Type.Number() }) }
    servers.typebox.get('/:id', { schema, onRequest: servers.typebox.verifyScimToken }, async ({ params }) => {
      expect(params).type.toBe<{ id: number }>()
    })
  })

  test('is a strategy of @fastify/auth', () => {
    servers.plain.register(auth)
    servers.plain.get('/', { onRequest: servers.plain.auth([servers.plain.verifyScimToken]) }, async () => {})
    servers.logger.addHook('onRequest', servers.logger.auth([servers.logger.verifyScimToken]))
    servers.typebox.addHook('onRequest', servers.typebox.auth([servers.typebox.verifyScimToken]))
    servers.http2.addHook('onRequest', servers.http2.auth([servers.http2.verifyScimToken]))
  })

  test('throws an error that an error handler can recognise', () => {
    servers.plain.setErrorHandler((error, _request, reply) => {
      if (error instanceof ScimError) {
        expect(error.statusCode).type.toBe<number>()
        reply.code(error.statusCode).headers(error.headers).send(error)
      }
    })
  })
})

describe('store-conformance', () => {
  test('accepts a store with its context and returns cases for any runner', () => {
    servers.plain.get('/', async (request) => {
      const cases = storeConformance({ open: () => ({ store: memoryStore(), context: { request, user: {} } }) })
      expect(cases).type.toBe<StoreCase[]>()
    })
  })

  test('needs a context with a request and a user', () => {
    // @ts-expect-error Property 'context' is missing
    storeConformance({ open: () => ({ store: memoryStore() }) })
  })
})
