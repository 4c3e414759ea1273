import { httpErrors } from '@fastify/sensible'
import type { FastifyRequest } from 'fastify'
import type { Awaitable } from './contracts.ts'
import { change, type ChangeState } from './errors.ts'
import { ask } from './host.ts'

/** What {@link makeChange} answers when the request has been refused meanwhile. */
export const refused = Symbol('fastify-scim-token.refused')

/**
 * Hands a change to the store.
 *
 * @param timeout milliseconds; 0 for no limit
 * @returns what the store answered, or {@link refused}: then there is nothing left to answer
 * @throws an error for 503 when the store fails or takes too long
 */
export async function makeChange<T> (
  request: FastifyRequest,
  method: string,
  timeout: number,
  call: () => Awaitable<T>
): Promise<T | typeof refused> {
  if (isRefused(request)) return refused
  // Nobody would learn of the change, and a token that works would be lost.
  if (request.socket.destroyed) throw httpErrors.serviceUnavailable('the client is gone')

  request.setDecorator<ChangeState>(change, 'begun')
  try {
    const answer = await ask(503, method, timeout, call)
    return isRefused(request) ? refused : answer
  } catch (error) {
    if (isRefused(request)) return refused
    throw error
  }
}

function isRefused (request: FastifyRequest): boolean {
  return request.getDecorator<ChangeState>(change) === 'refused'
}
