import { httpErrors } from '@fastify/sensible'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { callHost } from './call-host.ts'
import type { Awaitable } from './contracts.ts'

/** Request decorator for the {@link WriteState}; absent before the store is called. */
export const writeState = Symbol('fastify-scim-token.writeState')

/** The AbortController of a call that is pending or has failed, or what happened then. */
type WriteState = AbortController | 'call resolved' | 'error sent'

/** Returned by {@link writeToStore} if an error response was sent meanwhile. */
export const errorSent = Symbol('fastify-scim-token.errorSent')

/**
 * Calls a store method that writes, unless an error response was sent: after Fastify's
 * `handlerTimeout` the handler still runs, and must neither write nor respond.
 *
 * @param timeout milliseconds; 0 for no limit
 * @param call gets the signal that is aborted if the call fails or times out, or if its result is not needed any more
 * @returns what the store returned, or {@link errorSent}
 * @throws an error with status 503 if the store throws or times out, or if the client has disconnected
 */
export async function writeToStore<T> (
  request: FastifyRequest,
  reply: FastifyReply,
  method: string,
  timeout: number,
  call: (signal: AbortSignal) => Awaitable<T>
): Promise<T | typeof errorSent> {
  if (isErrorSent(request)) return errorSent
  // The client could not read the response: a new token would be lost, and the old one invalid.
  if (request.socket.destroyed) throw httpErrors.serviceUnavailable('the client has disconnected')

  const controller = new AbortController()
  setState(request, controller)
  reply.raw.once('close', () => {
    // The client has disconnected, or the host has responded.
    if (getState(request) === controller) controller.abort()
  })
  try {
    const result = await callHost(method, 503, timeout, () => call(controller.signal))
    if (isErrorSent(request)) return errorSent
    setState(request, 'call resolved')
    return result
  } catch (error) {
    if (isErrorSent(request)) return errorSent
    // Not only when the error is sent: that is after the host's onError hooks.
    controller.abort()
    throw error
  }
}

/** Whether the store was called for a write. After an error, the client cannot know its outcome. */
export function isStoreCalled (request: FastifyRequest): boolean {
  const state = getState(request)
  return state === 'call resolved' || state instanceof AbortController
}

/** Records that an error response is sent, so that nothing is written after it. */
export function markErrorSent (request: FastifyRequest): void {
  const state = getState(request)
  if (state instanceof AbortController) state.abort()
  setState(request, 'error sent')
}

/** Whether an error response was sent, or is about to be after hooks of the host. */
export function isErrorSent (request: FastifyRequest): boolean {
  return getState(request) === 'error sent'
}

function getState (request: FastifyRequest): WriteState | undefined {
  return request.getDecorator<WriteState | undefined>(writeState)
}

function setState (request: FastifyRequest, state: WriteState): void {
  request.setDecorator<WriteState>(writeState, state)
}
