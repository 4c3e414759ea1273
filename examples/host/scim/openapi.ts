import type { FastifySchema } from 'fastify'
import { scimJson } from './body.ts'

/** The security scheme of the SCIM routes in the OpenAPI document of the host. */
export const scimSecurityScheme = 'scimToken'

/** Describes a SCIM route. What is in its bodies is described by SCIM itself, at `/Schemas`. */
export function describe (summary: string): FastifySchema {
  return { summary, tags: ['SCIM'], security: [{ [scimSecurityScheme]: [] }], produces: [scimJson] }
}

export function describeWithBody (summary: string): FastifySchema {
  return { ...describe(summary), consumes: [scimJson], body: { type: 'object', additionalProperties: true } }
}

/** SCIMMY takes numbers, and the query string has none. */
export function describeList (summary: string): FastifySchema {
  return {
    ...describe(summary),
    querystring: {
      type: 'object',
      properties: {
        filter: { type: 'string', examples: ['userName eq "ada@example.com"'] },
        startIndex: { type: 'integer' },
        count: { type: 'integer' }
      }
    }
  }
}
