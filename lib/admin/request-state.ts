import { httpErrors } from '@fastify/sensible'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ScimAdminContext } from '../contracts.ts'

/** The state of a request to an admin route. */
export interface AdminState {
  /** What `authenticate` of the resolver returned, once access was granted. */
  user: object | null
  /** `failing`: an error is passed to onError hooks of the host. `responding`: a response passes its other hooks. */
  phase: 'pending' | 'failing' | 'responding'
  /** Whether the store was called for a write: the client cannot know its outcome. */
  isStoreCalled: boolean
  /** Aborts the pending write. */
  controller: AbortController | null
}

/** Of the responses of the admin routes: a hook of the host may have set that of its other routes. */
export const contentType = 'application/json; charset=utf-8'

const decorator = Symbol('fastify-scim-token.adminState')

/** Adds the request decorator of {@link adminState}. */
export function decorateAdminState (app: FastifyInstance): void {
  app.decorateRequest(decorator, null)
}

/** Returns the state of a request to an admin route. */
export function adminState (request: FastifyRequest): AdminState {
  const state = request.getDecorator<AdminState | null>(decorator) ?? { user: null, phase: 'pending', isStoreCalled: false, controller: null }
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

type AsyncHook<Result> = (request: FastifyRequest, reply: FastifyReply) => Promise<Result>

/**
 * Wraps a hook so that it does nothing once a response is under way, such as that of Fastify's
 * `handlerTimeout`. If that happens while the hook runs, its promise never settles: Fastify would continue
 * the request, or a second response would end the process.
 */
export function whilePending<Result> (hook: AsyncHook<Result>): AsyncHook<Result> {
  return async (request, reply) => {
    const state = adminState(request)
    const isPending = () => state.phase === 'pending' && !reply.sent
    try {
      if (isPending()) {
        const result = await hook(request, reply)
        if (isPending()) return result
      }
    } catch (error) {
      if (isPending()) {
        state.phase = 'failing'
        throw error
      }
    }
    return await new Promise<never>(() => {})
  }
}

/** Wraps the handler of a route in the same way. */
export function respondWhilePending<Result> (handler: AsyncHook<Result>): AsyncHook<Result> {
  const run = whilePending(handler)
  return async (request, reply) => {
    const result = await run(request, reply)
    adminState(request).phase = 'responding'
    if (result !== undefined) reply.type(contentType)
    return result
  }
}
