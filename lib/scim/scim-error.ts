/**
 * Tells the errors of `verifyScimToken` apart, in error handlers and `onError` hooks; never sent.
 *
 * | code | status | when |
 * |---|---|---|
 * | `SCIM_TOKEN_MISSING` | 401 | the request has no bearer token |
 * | `SCIM_TOKEN_INVALID` | 401 | the bearer token is not the valid one |
 * | `SCIM_STORE_FAILED` | 503 | the store failed, so the token could not be verified |
 * | `SCIM_TOKEN_NOT_REGISTERED` | 500 | the plugin is not registered in the scope of the route |
 * | `SCIM_ERROR` | any | an error of the host without a code of its own |
 */
export type ScimErrorCode = 'SCIM_TOKEN_MISSING' | 'SCIM_TOKEN_INVALID' | 'SCIM_STORE_FAILED' | 'SCIM_TOKEN_NOT_REGISTERED' | 'SCIM_ERROR'

/** Properties of a {@link ScimError}. An error of `httpErrors` has them, so it can be passed as it is. */
export interface ScimErrorInit {
  /** Status of the response. */
  statusCode: number
  /** Written for the client. */
  message: string
  /** Detail error keyword of a 400 or 409, such as `invalidFilter` (RFC 7644, table 9). */
  scimType?: string | undefined
  /**
   * A {@link ScimErrorCode}, or a code of the host.
   * @defaultValue `'SCIM_ERROR'`
   */
  code?: string | undefined
  /**
   * Headers of the response, besides its content type. `sendScimError` drops those that belong to a connection,
   * to an encoded body or to cookies.
   */
  headers?: Readonly<Record<string, string>> | undefined
  /** Written to the log, never sent. */
  cause?: unknown
}

/**
 * An error that serializes to a SCIM error response (RFC 7644, section 3.12).
 *
 * It is not an `Error`: Fastify builds the response body of an `Error` itself, and sends any other
 * thrown object as it is. `sendScimError` sends it, too. Its stack has no trace, which would
 * cost half as much as the rest of a rejection.
 */
export class ScimError {
  // Only the properties of the body are enumerable: a host's validator or serializer may allow no others.

  /** The schema URI of a SCIM error. */
  readonly schemas = ['urn:ietf:params:scim:api:messages:2.0:Error']
  /** The status code, which the body has as a string. */
  readonly status: string
  /** Absent from the body if not passed. */
  declare readonly scimType?: string
  /** The message, which the body has under this name. */
  readonly detail: string
  readonly #code: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #cause: unknown

  /** @param init status and message, and what the response and the log need besides */
  constructor ({ statusCode, message, scimType, code = 'SCIM_ERROR', headers, cause }: ScimErrorInit) {
    this.status = String(statusCode)
    if (scimType !== undefined) this.scimType = scimType
    this.detail = message
    this.#code = code
    this.#headers = { ...headers, 'content-type': 'application/scim+json' }
    this.#cause = cause
  }

  /** The name of the class, as errors have it; never sent. */
  get name () {
    return 'ScimError'
  }

  /** Name, code and message as errors have them at the top of their stack, for loggers; there is no trace. */
  get stack () {
    return `ScimError [${this.#code}]: ${this.detail}`
  }

  /** Status of the response. */
  get statusCode () {
    return Number(this.status)
  }

  /** Written for the client; internal messages are in `cause`. */
  get message () {
    return this.detail
  }

  /** A {@link ScimErrorCode}, or a code of the host. */
  get code () {
    return this.#code
  }

  /** Headers of the response: those passed to the constructor, and the content type. */
  get headers () {
    return this.#headers
  }

  /** Why the request failed, for the log. If the store threw, the `cause` of that cause is a redacted copy of its error. */
  get cause () {
    return this.#cause
  }
}
