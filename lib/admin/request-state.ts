import { httpErrors } from '@fastify/sensible'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ScimAdminContext } from '../contracts.ts'

/** How far a request to an admin route has come. */
export interface AdminState {
  /** What `authenticate` of the resolver returned, once access was granted. */
  user: object | null
  /** `error sent`: or about to be, after hooks of the host. */
  phase: 'access' | 'store called' | 'error sent'
  /** That of a pending write. */
  controller: AbortController | null
}

const decorator = Symbol('fastify-scim-token.adminState')

/** Adds the request decorator of {@link adminState}. */
export function decorateAdminState (app: FastifyInstance): void {
  app.decorateRequest(decorator, null)
}

/** Returns the state of a request to an admin route. */
export function adminState (request: FastifyRequest): AdminState {
  const state = request.getDecorator<AdminState | null>(decorator) ?? { user: null, phase: 'access', controller: null }
  request.setDecorator(decorator, state)
  return state
}

/** Returns the context for a store call on behalf of the user of the request. */
export function storeContext (request: FastifyRequest): ScimAdminContext<object> {
  const { user } = adminState(request)
  // An onRoute hook of the host can replace the hooks of a route.
  if (user === null) throw httpErrors.internalServerError('The access check of this route was removed: an onRoute hook must keep its preParsing hooks')
  return { request, user }
}
