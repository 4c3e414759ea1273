import { httpErrors } from '@fastify/sensible'
import type { FastifyRequest, preParsingAsyncHookHandler } from 'fastify'
import { callHost, contractError } from './call-host.ts'
import type { ScimAuthResolver, ScimTokenContext } from './contracts.ts'
import { createOriginCheck } from './cross-origin.ts'
import type { ResolvedOptions } from './options.ts'
import { toError } from './to-error.ts'

/** Request decorator for the user that the resolver returned. */
export const currentUser = Symbol('fastify-scim-token.currentUser')

/**
 * The `preParsing` hooks that authenticate and authorize requests to the admin routes. They run before
 * a body is read, and after all `onRequest` hooks of the host, such as a rate limiter's.
 */
export interface AccessHooks {
  /** Requires an authenticated user. */
  requireUser: preParsingAsyncHookHandler
  /** Requires a same-origin or trusted request from a user with one of the permissions. */
  requirePermission: preParsingAsyncHookHandler
}

/** Creates the hooks; what they throw has the status 401, 403, 500 or 503. */
export function createAccessHooks (resolver: ScimAuthResolver, options: ResolvedOptions): AccessHooks {
  const { timeout, loginPath, permissions, trustedOrigins } = options
  const checkOrigin = createOriginCheck(trustedOrigins)

  return {
    async requireUser (request) {
      request.setDecorator(currentUser, await authenticate(request))
    },

    async requirePermission (request) {
      checkOrigin(request)
      const user = await authenticate(request)
      await authorize(user, request)
      request.setDecorator(currentUser, user)
    }
  }

  async function authenticate (request: FastifyRequest): Promise<object> {
    let user: object | null | undefined
    try {
      user = await callHost('scimAuthResolver.authenticate', 500, timeout, () => resolver.authenticate(request))
    } catch (error) {
      if (causeStatus(error) !== 401) throw error
    }
    if (user === null || user === undefined) {
      // RFC 9110, section 15.5.2: a 401 must have a challenge.
      throw httpErrors.createError(401, loginMessage(request, loginPath), { headers: { 'www-authenticate': 'Bearer' } })
    }
    if (typeof user !== 'object' || Array.isArray(user) || user instanceof Error) {
      throw contractError('scimAuthResolver.authenticate', 'a user object, null or undefined', user)
    }
    return user
  }

  async function authorize (user: object, request: FastifyRequest): Promise<void> {
    let isAuthorized = false
    try {
      isAuthorized = await callHost('scimAuthResolver.authorize', 500, timeout, () => resolver.authorize(user, permissions, request))
    } catch (error) {
      if (causeStatus(error) !== 403) throw error
    }
    if (isAuthorized === false) {
      throw httpErrors.forbidden(`You need one of these permissions to do this: ${permissions.join(', ')}.`)
    }
    if (isAuthorized !== true) throw contractError('scimAuthResolver.authorize', 'true or false', isAuthorized)
  }
}

/** Returns the status of what the resolver threw: Fastify plugins throw 401 and 403, as `request.jwtVerify()` does. */
function causeStatus (error: unknown): number | undefined {
  return toError(toError(error).cause).statusCode
}

/** Returns the context for a store call on behalf of an authenticated user. */
export function storeContext (request: FastifyRequest): ScimTokenContext<object> {
  return { request, user: request.getDecorator<object>(currentUser) }
}

function loginMessage ({ headers }: FastifyRequest, loginPath: string): string {
  return headers.authorization === undefined && headers.cookie === undefined
    ? `You must log in: the request had no authorization header and no cookie. Log in at ${loginPath}.`
    : `You must log in: the credentials of the request are not accepted. Log in at ${loginPath}.`
}
