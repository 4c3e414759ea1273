import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { accessTo, caller } from './access.ts'
import type { ScimAuthResolver, ScimTokenRecord, ScimTokenStore } from './contracts.ts'
import { change, sendApiError } from './errors.ts'
import { generateNewToken } from './generate-new-token.ts'
import { injected } from './host.ts'
import { settleOptions, type ScimTokenOptions } from './options.ts'
import { scimSettings } from './scim-settings.ts'
import { verifyScimToken, type VerifyScimToken } from './verify-scim-token.ts'

export type * from './contracts.ts'
export type { OperationId, ScimTokenOptions } from './options.ts'
export { ScimError, type ScimErrorInit } from './scim-error.ts'
export type { VerifyScimToken } from './verify-scim-token.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Injected by the host before it registers `fastify-scim-token`. */
    scimAuthResolver: ScimAuthResolver
    /** Injected by the host before it registers `fastify-scim-token`. */
    scimTokenStore: ScimTokenStore
    /**
     * Lets in SCIM requests with the valid bearer token: an `onRequest` hook for the host's SCIM
     * routes, and a strategy for `@fastify/auth`. What it refuses is a {@link ScimError}.
     *
     * It is undefined until the registration of the plugin has been awaited, and Fastify takes an
     * undefined hook of a route for none: prefer `addHook`, or `onRequest: [app.verifyScimToken]`.
     */
    verifyScimToken: VerifyScimToken
  }

  interface FastifyRequest {
    /** The record of the token that `verifyScimToken` has let in, else `null`. */
    scimToken: ScimTokenRecord | null
  }
}

async function scimToken (app: FastifyInstance, given: ScimTokenOptions): Promise<void> {
  const options = settleOptions(given)
  const resolver = injected(app, 'scimAuthResolver', ['authenticate', 'authorize'])
  const store = injected(app, 'scimTokenStore', ['replace', 'find'])

  app.decorateRequest('scimToken', null)
  app.decorate('verifyScimToken', verifyScimToken(store, options.timeout))

  app.register(async function scimTokenAdmin (admin) {
    const access = accessTo(resolver, options)
    admin.setErrorHandler(sendApiError)
    admin.setReplySerializer((payload) => JSON.stringify(payload))
    admin.removeAllContentTypeParsers()
    admin.decorateRequest(caller)
    admin.decorateRequest(change)

    admin.register(generateNewToken, { store, access, options })
    if (options.settings) {
      const settingsStore = injected(app, 'scimTokenStore', ['replace', 'find', 'getSettings', 'setEnabled'])
      admin.register(scimSettings, { store: settingsStore, access, options })
    }
  }, given)
}

/**
 * The plugin. It adds `POST /api/admin/scim-settings/generate-new-token` and the hook
 * `app.verifyScimToken` to a host that has decorated its app with a `scimAuthResolver` and a
 * `scimTokenStore`.
 *
 * Boot fails with an error that says what to do when a decorator, one of its methods or an option
 * cannot be used.
 */
export default fastifyPlugin(scimToken, { name: 'fastify-scim-token', fastify: '5.x' })
