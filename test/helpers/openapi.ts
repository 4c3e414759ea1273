import swagger from '@fastify/swagger'
import type { Test } from 'tap'
import type { ScimTokenOptions } from '../../lib/index.ts'
import { startHost } from './host.ts'

/** Returns the OpenAPI document that @fastify/swagger generates for a host. */
export async function generateOpenApi (t: Test, options: ScimTokenOptions = {}) {
  const { app } = await startHost(t, {
    options,
    prepare: (app) => app.register(swagger, {
      openapi: {
        openapi: '3.0.3',
        info: { title: 'A host', version: '1.0.0' },
        components: {
          securitySchemes: {
            apiKey: { type: 'apiKey', in: 'header', name: 'Authorization' },
            bearerToken: { type: 'http', scheme: 'bearer' }
          }
        },
        security: [{ apiKey: [] }, { bearerToken: [] }]
      },
      refResolver: { buildLocalReference: (schema, _baseUri, _fragment, i) => String(schema['$id'] ?? `def-${i}`) }
    })
  })
  return JSON.parse(JSON.stringify(app.swagger()))
}

/** Returns the value without titles, summaries, descriptions and examples, which are the package's own words. */
export function withoutProse (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutProse)
  if (typeof value !== 'object' || value === null) return value
  const prose = ['title', 'summary', 'description', 'example']
  return Object.fromEntries(Object.entries(value).filter(([key]) => !prose.includes(key)).map(([key, part]) => [key, withoutProse(part)]))
}

/** Whether part of the document has no description, or only the default that @fastify/swagger gives responses. */
export function lacksDescription ({ description }: { description?: string }): boolean {
  return !description || description === 'Default Response'
}

/** An error response as Unleash's OpenAPI document describes it. */
export const errorResponse = {
  content: {
    'application/json': {
      schema: { type: 'object', properties: { id: { type: 'string' }, name: { type: 'string' }, message: { type: 'string' } } }
    }
  }
}
