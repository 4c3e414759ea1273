import { type TypeBoxTypeProvider, Type } from '@fastify/type-provider-typebox'
import auth from '@fastify/auth'
import Fastify, { type FastifyBaseLogger } from 'fastify'
import scimToken, { ScimError, type ScimAuthResolver, type ScimTokenRecord, type ScimTokenStore, type VerifyScimToken } from 'fastify-scim-token'
import { storeConformance, type StoreCase } from 'fastify-scim-token/store-conformance'
import { memoryStore } from 'fastify-scim-token/stores/memory'
import { describe, expect, test } from 'tstyche'

interface AuditLogger extends FastifyBaseLogger { audit: (message: string) => void }
declare const logger: AuditLogger

const servers = {
  plain: Fastify(),
  http2: Fastify({ http2: true }),
  logger: Fastify({ loggerInstance: logger }),
  typebox: Fastify().withTypeProvider<TypeBoxTypeProvider>()
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
    servers.logger.register(scimToken, { prefix: '/unleash', settings: true })
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
