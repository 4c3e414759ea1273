import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { authenticate, authorize, caller } from './access.ts'
import type { ScimAuthResolver, ScimTokenStore } from './contracts.ts'
import { refuseCrossOrigin } from './cross-origin.ts'
import { changeBegun, sendApiError } from './errors.ts'
import { generateNewToken } from './generate-new-token.ts'
import { injected } from './host.ts'
import { settleOptions, type ScimTokenOptions } from './options.ts'
import { generateNewTokenSchema, scimTokenSchema } from './schemas.ts'

export type * from './contracts.ts'
export type { ScimTokenOptions } from './options.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Injected by the host before it registers `fastify-scim-token`. */
    scimAuthResolver: ScimAuthResolver
    /** Injected by the host before it registers `fastify-scim-token`. */
    scimTokenStore: ScimTokenStore
  }
}

/**
 * Adds `POST /api/admin/scim-settings/generate-new-token` to a host that has decorated its app
 * with a `scimAuthResolver` and a `scimTokenStore`.
 *
 * Boot fails with an error that says what to do when a decorator, one of its methods or an option
 * cannot be used.
 */
async function scimToken (app: FastifyInstance, options: ScimTokenOptions): Promise<void> {
  const { permissions, trustedOrigins, loginPath, timeout } = settleOptions(options)
  const resolver = injected(app, 'scimAuthResolver', ['authenticate', 'authorize'])
  const store = injected(app, 'scimTokenStore', ['replace', 'find'])

  app.register(async function scimTokenAdmin (admin) {
    admin.setErrorHandler(sendApiError)
    // The host's serializers may know other kinds of schema only.
    admin.setSerializerCompiler(() => JSON.stringify)
    admin.decorateRequest(caller)
    admin.decorateRequest(changeBegun, false)
    ignoreBodies(admin)

    admin.addSchema(scimTokenSchema)
    admin.route({
      method: 'POST',
      url: '/api/admin/scim-settings/generate-new-token',
      schema: generateNewTokenSchema,
      ...(timeout > 0 && { handlerTimeout: timeout }),
      onRequest: [refuseCrossOrigin(trustedOrigins), authenticate(resolver, loginPath), authorize(resolver, permissions)],
      handler: generateNewToken(store)
    })
  }, options)
}

/** Clients send no body, `{}` or a form, under any content type or none; only its size matters. */
function ignoreBodies (scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: 1024 }, (_request, _body, done) => done(null))
}

export default fastifyPlugin(scimToken, { name: 'fastify-scim-token', fastify: '5.x' })
