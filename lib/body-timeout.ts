import { httpErrors } from '@fastify/sensible'
import type { FastifyRequest, preParsingAsyncHookHandler } from 'fastify'
import { isErrorSent } from './store-write.ts'

/**
 * Creates the `preParsing` hook that sends 408 if a body takes too long after access was checked: the
 * session of the user may have ended meanwhile.
 *
 * @param timeout milliseconds; 0 for no limit
 */
export function createBodyTimeout (timeout: number): preParsingAsyncHookHandler {
  return async function limitBody (request, reply, payload) {
    if (timeout === 0) return
    const timer = setTimeout(() => {
      if (reply.sent || isErrorSent(request)) return
      // The rest must not reach the handler while onError hooks of the host delay the 408.
      payload.pause()
      try {
        reply.send(bodyTimedOut(request, timeout))
      } catch {
        // Fastify throws while it runs the onError hooks of another error, whose response follows.
      }
    }, timeout).unref()
    payload.once('end', () => { clearTimeout(timer) })
  }
}

function bodyTimedOut ({ raw }: FastifyRequest, timeout: number): Error {
  const message = `The request body did not arrive within ${timeout} ms, and nothing was changed.`
  // RFC 9113, section 8.2.2: HTTP/2 has no such header.
  const headers = raw.httpVersionMajor === 1 ? { connection: 'close' } : {}
  return httpErrors.createError(408, message, { headers })
}
