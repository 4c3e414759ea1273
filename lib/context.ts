import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ScimRequestContext, ScimTokenContext } from './contracts.ts'

/** What a store is told of a request. */
export class RequestContext implements ScimRequestContext {
  readonly request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #timeout: number
  #signal: AbortSignal | undefined

  constructor (request: FastifyRequest, reply: FastifyReply, timeout: number) {
    this.request = request
    this.#reply = reply
    this.#timeout = timeout
  }

  // Made only for a store that looks at it: a signal costs more than the rest of a verification.
  get signal (): AbortSignal {
    this.#signal ??= signalFor(this.#reply, this.#timeout)
    return this.#signal
  }
}

/** The same for a change, with the user who makes it. */
export class TokenContext extends RequestContext implements ScimTokenContext<object> {
  readonly user: object

  constructor (request: FastifyRequest, reply: FastifyReply, timeout: number, user: object) {
    super(request, reply, timeout)
    this.user = user
  }
}

/** Fastify's own `request.signal` will not do: it aborts as soon as a body has been read. */
function signalFor ({ raw }: FastifyReply, timeout: number): AbortSignal {
  const over = new AbortController()
  const timer = timeout > 0 ? setTimeout(() => { over.abort() }, timeout) : undefined
  raw.once('close', () => {
    clearTimeout(timer)
    over.abort()
  })
  return over.signal
}
