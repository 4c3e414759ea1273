import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { createAccessHooks, currentUser } from './access.ts'
import { sendApiError } from './api-error.ts'
import type { ScimAuthResolver, ScimTokenRecord, ScimTokenStore } from './contracts.ts'
import { generateNewToken } from './generate-new-token.ts'
import { resolveOptions, type ScimTokenOptions } from './options.ts'
import { requireDecorator } from './require-decorator.ts'
import { keepFirstSchemas } from './schema-bucket.ts'
import { scimSettings } from './scim-settings.ts'
import { writeState } from './store-write.ts'
import { createVerifyScimToken, type VerifyScimToken } from './verify-scim-token.ts'

export type * from './contracts.ts'
export type { OperationId, ScimTokenOptions } from './options.ts'
export { ScimError, type ScimErrorInit } from './scim-error.ts'
export type { VerifyScimToken } from './verify-scim-token.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Added by the host before it registers `fastify-scim-token`. */
    scimAuthResolver: ScimAuthResolver
    /** Added by the host before it registers `fastify-scim-token`. */
    scimTokenStore: ScimTokenStore
    /**
     * Requires the valid SCIM token: an `onRequest` hook for the host's SCIM routes, and a strategy
     * for `@fastify/auth`. It throws a {@link ScimError} if it rejects the request.
     *
     * It is undefined until the registration of the plugin has been awaited, and Fastify ignores
     * `onRequest: undefined` of a route. `addHook` and `onRequest: [app.verifyScimToken]` throw at
     * boot instead.
     */
    verifyScimToken: VerifyScimToken
  }

  interface FastifyRequest {
    /** A frozen copy of the record of the token that `verifyScimToken` accepted, or `null`. */
    scimToken: Readonly<ScimTokenRecord> | null
  }
}

async function scimToken (app: FastifyInstance, givenOptions: ScimTokenOptions): Promise<void> {
  const options = resolveOptions(givenOptions)
  const resolver = requireDecorator(app, 'scimAuthResolver', ['authenticate', 'authorize'])
  const store = requireDecorator(app, 'scimTokenStore', ['replace', 'find'])

  if (app.hasDecorator('verifyScimToken')) throw decoratorExists('verifyScimToken')
  if (app.hasRequestDecorator('scimToken')) throw decoratorExists('request.scimToken')
  app.decorateRequest('scimToken', null)
  app.decorate('verifyScimToken', createVerifyScimToken(store, options.timeout))

  // The plugin has no scope of its own, so `prefix` and the log options are passed to this one.
  app.register(async function scimTokenAdmin (admin) {
    const access = createAccessHooks(resolver, options)
    keepFirstSchemas(admin)
    admin.setErrorHandler(sendApiError)
    // The scope inherits the serializer and the parsers of the host, which may be for other formats.
    admin.setReplySerializer((payload) => JSON.stringify(payload))
    admin.removeAllContentTypeParsers()
    admin.decorateRequest(currentUser)
    admin.decorateRequest(writeState)

    admin.register(generateNewToken, { store, access, options })
    if (options.settings) {
      const settingsStore = requireDecorator(app, 'scimTokenStore', ['replace', 'find', 'getSettings', 'setEnabled'])
      admin.register(scimSettings, { store: settingsStore, access, options })
    }
  }, givenOptions)
}

function decoratorExists (name: string): Error {
  return new Error(`fastify-scim-token: the decorator "${name}" exists already, from an earlier registration of this plugin or from the host. ` +
    'Register the plugin once per scope; each tenant gets a scope of its own: app.register(async (tenant) => { tenant.register(...) }).')
}

/**
 * The plugin. To an app with the decorators `scimAuthResolver` and `scimTokenStore` it adds:
 *
 * - the route `POST /api/admin/scim-settings/generate-new-token`, and those of the option `settings`
 * - `app.verifyScimToken`, the hook that requires the valid SCIM token: {@link VerifyScimToken}
 * - `request.scimToken`, the {@link ScimTokenRecord} of the accepted token, or `null`
 *
 * Boot fails if a decorator, one of its methods or an option is missing or invalid; the error says
 * what to do.
 */
export default fastifyPlugin(scimToken, { name: 'fastify-scim-token', fastify: '5.x' })
