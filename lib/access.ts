import { httpErrors } from '@fastify/sensible'
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import type { ScimAuthResolver } from './contracts.ts'
import { ask, brokenContract } from './host.ts'

/** Request decorator: the user that {@link authenticate} found. */
export const caller = Symbol('fastify-scim-token.caller')

/** Makes the hook that asks the host who is calling and refuses nobody with 401. */
export function authenticate (resolver: ScimAuthResolver, loginPath: string): onRequestAsyncHookHandler {
  return async function (request) {
    const user = await ask(500, 'scimAuthResolver.authenticate', () => resolver.authenticate(request))
    if (user === null) {
      // RFC 9110, section 15.5.2: a 401 names a way to authenticate.
      throw httpErrors.createError(401, loginMessage(request, loginPath), { headers: { 'www-authenticate': 'Bearer' } })
    }
    if (typeof user !== 'object') throw brokenContract('scimAuthResolver.authenticate', 'a user object or null', user)
    request.setDecorator(caller, user)
  }
}

/** Makes the hook that asks the host what the caller may do and refuses with 403. */
export function authorize (resolver: ScimAuthResolver, permissions: readonly string[]): onRequestAsyncHookHandler {
  return async function (request) {
    const user = request.getDecorator<object>(caller)
    const allowed = await ask(500, 'scimAuthResolver.authorize', () => resolver.authorize(user, permissions, request))
    if (allowed === false) {
      throw httpErrors.forbidden(`You need one of these permissions to do this: ${permissions.join(', ')}.`)
    }
    if (allowed !== true) throw brokenContract('scimAuthResolver.authorize', 'true or false', allowed)
  }
}

function loginMessage ({ headers }: FastifyRequest, loginPath: string): string {
  return headers.authorization === undefined && headers.cookie === undefined
    ? `You must log in: the request had no authorization header and no cookie. Log in at ${loginPath}.`
    : `You must log in: the credentials of the request are not accepted. Log in at ${loginPath}.`
}
