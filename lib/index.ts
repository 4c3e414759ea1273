import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { createAccessHooks } from './admin/access.ts'
import { generateNewToken } from './admin/generate-new-token.ts'
import { keepFirstSchemas } from './admin/schema-bucket.ts'
import { scimSettings } from './admin/scim-settings.ts'
import { dropSecondResponse, followHandlerTimeout, sendApiError } from './admin/send-api-error.ts'
import { decorateAdminState } from './admin/request-state.ts'
import type { ScimAuthResolver, ScimTokenRecord, ScimTokenStore } from './contracts.ts'
import { rejectSecondRegistration, requireDecorator } from './check-decorators.ts'
import { resolveOptions, type ScimTokenOptions } from './options.ts'
import { createVerifyScimToken, type VerifyScimToken } from './scim/verify-scim-token.ts'

export type * from './contracts.ts'
export type { ScimChangeMessage, ScimRejectionMessage } from './diagnostics.ts'
export type { OperationId, ScimTokenOptions } from './options.ts'
export { ScimError, type ScimErrorCode, type ScimErrorInit } from './scim/scim-error.ts'
export { sendScimError } from './scim/send-scim-error.ts'
export { verifyScimToken, type VerifyScimToken } from './scim/verify-scim-token.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Added by the host before it registers `fastify-scim-token`. */
    scimAuthResolver: ScimAuthResolver
    /** Added by the host before it registers `fastify-scim-token`. */
    scimTokenStore: ScimTokenStore
    /** The import `verifyScimToken` for this scope. It is undefined until the registration has been awaited. */
    verifyScimToken: VerifyScimToken
  }

  interface FastifyRequest {
    /** A frozen copy of the record of the token that `verifyScimToken` accepted, or `null`. It is `undefined` in a scope that was created before the registration. */
    scimToken: Readonly<ScimTokenRecord> | null
  }
}

async function scimToken (app: FastifyInstance, givenOptions: ScimTokenOptions): Promise<void> {
  const options = resolveOptions(givenOptions)
  const resolver = requireDecorator(app, 'scimAuthResolver', ['authenticate', 'authorize'])
  const store = requireDecorator(app, 'scimTokenStore', ['replace', 'find'])

  rejectSecondRegistration(app)
  app.decorateRequest('scimToken', null)
  app.decorate('verifyScimToken', createVerifyScimToken(store, options.timeout))

  // The plugin has no scope of its own, so `prefix` and the log options are passed to this one.
  app.register(async function scimTokenAdmin (admin) {
    const access = createAccessHooks(resolver, options)
    keepFirstSchemas(admin)
    admin.setErrorHandler(sendApiError)
    admin.addHook('preParsing', followHandlerTimeout)
    admin.addHook('onSend', dropSecondResponse)
    // The scope inherits the serializer and the parsers of the host, which may be for other formats.
    admin.setReplySerializer((payload) => JSON.stringify(payload))
    admin.removeAllContentTypeParsers()
    decorateAdminState(admin)

    admin.register(generateNewToken, { store, access, options })
    if (options.settingsRoutes) {
      const settingsStore = requireDecorator(app, 'scimTokenStore', ['replace', 'find', 'getSettings', 'setEnabled'])
      admin.register(scimSettings, { store: settingsStore, access, options })
    }
  }, givenOptions)
}

/**
 * The plugin. To an app with the decorators `scimAuthResolver` and `scimTokenStore` it adds:
 *
 * - the route `POST /api/admin/scim-settings/generate-new-token`, and those of the option `settingsRoutes`
 * - `app.verifyScimToken`, which is {@link verifyScimToken} for this scope
 * - `request.scimToken`, the {@link ScimTokenRecord} of the accepted token
 *
 * Boot fails if a decorator, one of its methods or an option is missing or invalid; the error says
 * what to do.
 *
 * @function
 * @group Plugin
 */
export default fastifyPlugin(scimToken, {
  name: 'fastify-scim-token',
  // 5.8.0 says that it is 5.7.4.
  fastify: '^5.8.1'
})
