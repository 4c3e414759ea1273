import { httpErrors } from '@fastify/sensible'
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import type { ScimAuthResolver, ScimTokenContext } from './contracts.ts'
import { crossOriginGuard } from './cross-origin.ts'
import { ask, brokenContract } from './host.ts'
import type { SettledOptions } from './options.ts'

/** Request decorator: the user that the resolver found. */
export const caller = Symbol('fastify-scim-token.caller')

/** The `onRequest` hooks of the admin routes: they refuse before a byte of a body is read. */
export interface Access {
  /** Lets in whom the host knows. */
  known: onRequestAsyncHookHandler
  /** Lets in who is known, holds a permission and is no page on another origin. */
  mayChange: onRequestAsyncHookHandler
}

export function accessTo (resolver: ScimAuthResolver, options: SettledOptions): Access {
  const { timeout, loginPath, permissions, trustedOrigins } = options
  const refuseCrossOrigin = crossOriginGuard(trustedOrigins)

  return {
    async known (request) {
      request.setDecorator(caller, await authenticate(request))
    },

    async mayChange (request) {
      refuseCrossOrigin(request)
      const user = await authenticate(request)
      await authorize(user, request)
      request.setDecorator(caller, user)
    }
  }

  async function authenticate (request: FastifyRequest): Promise<object> {
    const user = await ask(500, 'scimAuthResolver.authenticate', timeout, () => resolver.authenticate(request))
    if (user === null) {
      // RFC 9110, section 15.5.2: a 401 names a way to authenticate.
      throw httpErrors.createError(401, loginMessage(request, loginPath), { headers: { 'www-authenticate': 'Bearer' } })
    }
    if (typeof user !== 'object') throw brokenContract('scimAuthResolver.authenticate', 'a user object or null', user)
    return user
  }

  async function authorize (user: object, request: FastifyRequest): Promise<void> {
    const allowed = await ask(500, 'scimAuthResolver.authorize', timeout, () => resolver.authorize(user, permissions, request))
    if (allowed === false) {
      throw httpErrors.forbidden(`You need one of these permissions to do this: ${permissions.join(', ')}.`)
    }
    if (allowed !== true) throw brokenContract('scimAuthResolver.authorize', 'true or false', allowed)
  }
}

/** What the store is told of a request that has been let in. */
export function contextOf (request: FastifyRequest): ScimTokenContext<object> {
  return { request, user: request.getDecorator<object>(caller) }
}

function loginMessage ({ headers }: FastifyRequest, loginPath: string): string {
  return headers.authorization === undefined && headers.cookie === undefined
    ? `You must log in: the request had no authorization header and no cookie. Log in at ${loginPath}.`
    : `You must log in: the credentials of the request are not accepted. Log in at ${loginPath}.`
}
