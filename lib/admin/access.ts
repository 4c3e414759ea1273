import { types } from 'node:util'
import { httpErrors } from '@fastify/sensible'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { callHost, contractError, hostFailed } from '../call-host.ts'
import type { ScimAuthResolver } from '../contracts.ts'
import type { ResolvedOptions } from '../options.ts'
import { isError, statusOf, toError } from '../thrown.ts'
import { createOriginCheck } from './cross-origin.ts'
import { adminState, whilePending } from './request-state.ts'

/**
 * The hooks that authenticate and authorize requests to the admin routes. As `preParsing` hooks they run
 * after all `onRequest` hooks of the host and before a body is read. The settings route repeats
 * `requirePermission` after it.
 */
export interface AccessHooks {
  /** Requires an authenticated user. */
  requireUser: (request: FastifyRequest, reply: FastifyReply) => Promise<void>
  /** Requires a same-origin or trusted request from a user with one of the permissions. */
  requirePermission: (request: FastifyRequest, reply: FastifyReply) => Promise<void>
}

/** Creates the hooks; what they throw has the status 401, 403, 500 or 503. */
export function createAccessHooks (resolver: ScimAuthResolver, options: ResolvedOptions): AccessHooks {
  const { timeout, loginPath, permissions, trustedOrigins } = options
  const checkOrigin = createOriginCheck(trustedOrigins)

  return {
    requireUser: whilePending(async (request) => {
      adminState(request).user = await authenticate(request)
    }),

    requirePermission: whilePending(async (request) => {
      checkOrigin(request)
      const user = await authenticate(request)
      await authorize(user, request)
      adminState(request).user = user
    })
  }

  async function authenticate (request: FastifyRequest): Promise<object> {
    const method = 'scimAuthResolver.authenticate'
    const user = await callHost(timeout, () => resolver.authenticate(request)).catch((thrown) => {
      throw statusOf(thrown) === 401 ? loginRequired(request, loginPath, thrown) : hostFailed(method, 500, thrown)
    })
    if (user === null || user === undefined) throw loginRequired(request, loginPath)
    if (typeof user !== 'object' || isNotUser(user)) {
      throw contractError(method, 'a user object, null or undefined', user)
    }
    return user
  }

  async function authorize (user: object, request: FastifyRequest): Promise<void> {
    const method = 'scimAuthResolver.authorize'
    const isAuthorized = await callHost(timeout, () => resolver.authorize(user, permissions, request)).catch((thrown) => {
      throw statusOf(thrown) === 403 ? accessDenied(permissions, thrown) : hostFailed(method, 500, thrown)
    })
    if (isAuthorized === false) throw accessDenied(permissions)
    if (isAuthorized !== true) throw contractError(method, 'true or false', isAuthorized)
  }
}

/** Whether the object is an error or a wrapped value, also one of another realm, such as that of a test runner. */
function isNotUser (value: object): boolean {
  return Array.isArray(value) || types.isBoxedPrimitive(value) || types.isPromise(value) || isError(value)
}

/** @param thrown what the resolver threw with the status 401, for the log */
function loginRequired ({ headers }: FastifyRequest, loginPath: string, thrown?: unknown): Error {
  const reason = headers.authorization === undefined && headers.cookie === undefined
    ? 'the request had no authorization header and no cookie'
    : 'the credentials of the request are not accepted'
  // RFC 9110, section 15.5.2: a 401 must have a challenge.
  return httpErrors.createError(401, `You must log in: ${reason}. Log in at ${loginPath}.`, {
    code: 'SCIM_ADMIN_UNAUTHENTICATED',
    headers: { 'www-authenticate': 'Bearer' },
    ...causeOf(thrown)
  })
}

/** @param thrown what the resolver threw with the status 403, for the log */
function accessDenied (permissions: readonly string[], thrown?: unknown): Error {
  return httpErrors.createError(403, `You need one of these permissions to do this: ${permissions.join(', ')}.`, { code: 'SCIM_ADMIN_FORBIDDEN', ...causeOf(thrown) })
}

function causeOf (thrown: unknown) {
  return thrown === undefined ? {} : { cause: toError(thrown) }
}
