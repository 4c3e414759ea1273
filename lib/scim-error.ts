/** Properties of a {@link ScimError}. An error of `httpErrors` has them, so it can be passed as it is. */
export interface ScimErrorInit {
  /** Status of the response. */
  statusCode: number
  /** Written for the client. */
  message: string
  /**
   * Tells errors apart in error handlers and `onError` hooks; never sent.
   * @defaultValue `'SCIM_ERROR'`
   */
  code?: string | undefined
  /** Headers of the response, besides its content type. */
  headers?: Readonly<Record<string, string>> | undefined
  /** Written to the log, never sent. */
  cause?: unknown
}

/**
 * An error that serializes to a SCIM error response (RFC 7644, section 3.12).
 *
 * It is not an `Error`: Fastify builds the response body of an `Error` itself, and sends any other
 * thrown object as it is. A host's own error handler sends it with
 * `reply.headers(error.headers).code(error.statusCode).send(error)`. It has no stack, which would
 * cost half as much as the rest of a rejection.
 */
export class ScimError {
  // Only the properties of the body are enumerable: a host's validator or serializer may allow no others.

  /** The schema URI of a SCIM error. */
  readonly schemas = ['urn:ietf:params:scim:api:messages:2.0:Error']
  /** The status code, which the body has as a string. */
  readonly status: string
  /** The message, which the body has under this name. */
  readonly detail: string
  readonly #code: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #cause: unknown

  constructor ({ statusCode, message, code = 'SCIM_ERROR', headers, cause }: ScimErrorInit) {
    this.status = String(statusCode)
    this.detail = message
    this.#code = code
    // A spread would cost a tenth of a rejection.
    this.#headers = Object.assign({}, headers, { 'content-type': 'application/scim+json' })
    this.#cause = cause
  }

  /** The name of the class, as errors have it; never sent. */
  get name () {
    return 'ScimError'
  }

  /** Status of the response; 401 or 503 if `verifyScimToken` threw the error. */
  get statusCode () {
    return Number(this.status)
  }

  /** Written for the client; internal messages are in `cause`. */
  get message () {
    return this.detail
  }

  /**
   * `SCIM_TOKEN_MISSING` or `SCIM_TOKEN_INVALID` if a request is rejected, `SCIM_STORE_FAILED` if the
   * token could not be verified.
   */
  get code () {
    return this.#code
  }

  /** Headers of the response: content type, and `www-authenticate` or `retry-after`. */
  get headers () {
    return this.#headers
  }

  /** Why the request failed, for the log. If the store threw, the `cause` of this error is what it threw. */
  get cause () {
    return this.#cause
  }
}
