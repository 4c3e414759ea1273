import { Type } from '@sinclair/typebox'

// Names, tags and statuses are those of Unleash's public OpenAPI document.

export const scimTokenSchema = Type.Object(
  {
    token: Type.String({
      description: 'The bearer token that the identity provider sends with SCIM requests. It is shown only once; generating another token invalidates it.',
      examples: ['scim_0000000000000000000000000000000000000000000000000']
    })
  },
  {
    $id: 'scimTokenSchema',
    additionalProperties: false,
    description: 'A newly generated SCIM API token.'
  }
)

export const scimSettingsSchema = Type.Object(
  {
    enabled: Type.Boolean({ description: 'Whether SCIM is enabled. If not, all SCIM requests are rejected.', examples: [true] }),
    hasToken: Type.Boolean({ description: 'Whether a SCIM API token has been generated.', examples: [true] })
  },
  {
    $id: 'scimSettingsSchema',
    additionalProperties: false,
    description: 'The state of SCIM provisioning.'
  }
)

export const setScimSettingsSchema = Type.Object(
  {
    enabled: Type.Boolean({ description: 'Whether to enable SCIM.', examples: [true] })
  },
  {
    $id: 'setScimSettingsSchema',
    description: 'The new state of SCIM provisioning.'
  }
)

function errorSchema (description: string, name: string, message: string) {
  return Type.Object(
    {
      id: Type.Optional(Type.String({
        description: 'Identifies this error, here and in the log of the server.',
        examples: ['6a1c9a0e-3a55-4b8e-9a39-0a1a6f6c2b0d']
      })),
      name: Type.Optional(Type.String({ description: 'The kind of error.', examples: [name] })),
      message: Type.Optional(Type.String({ description: 'What went wrong and what to do.', examples: [message] }))
    },
    { description }
  )
}

const authenticationRequired = errorSchema(
  'The caller is not authenticated.',
  'AuthenticationRequired',
  'You must log in: the request had no authorization header and no cookie. Log in at /auth/simple/login.'
)

const noAccess = errorSchema(
  'The user lacks the permission, or the request is cross-origin.',
  'NoAccessError',
  'You need one of these permissions to do this: ADMIN, UPDATE_AUTH_CONFIGURATION.'
)

export const generateNewTokenOperation = {
  operationId: 'generateNewToken',
  tags: ['Auth'],
  summary: 'Generate a new SCIM API token.',
  description: 'Generates a new SCIM API token and invalidates the previous one. The request needs no body.',
  'x-stability-level': 'stable',
  response: {
    200: { $ref: 'scimTokenSchema#' },
    401: authenticationRequired,
    403: noAccess,
    404: errorSchema(
      'There are no SCIM settings.',
      'NotFoundError',
      'There are no SCIM settings yet. Enable SCIM first: POST {"enabled": true} to /api/admin/scim-settings.'
    )
  }
}

export const getScimSettingsOperation = {
  operationId: 'getScimSettings',
  tags: ['Auth'],
  summary: 'Get the SCIM settings.',
  description: 'Returns whether SCIM is enabled and whether a SCIM API token has been generated.',
  'x-stability-level': 'stable',
  response: {
    200: { $ref: 'scimSettingsSchema#' },
    401: authenticationRequired
  }
}

export const setScimSettingsOperation = {
  operationId: 'setScimSettings',
  tags: ['Auth'],
  summary: 'Change the SCIM settings.',
  description: 'Enables or disables SCIM. The token is kept.',
  'x-stability-level': 'stable',
  body: { $ref: 'setScimSettingsSchema#' },
  response: {
    200: { description: 'The settings were changed. The response has no body.', type: 'null' },
    400: errorSchema(
      'The body is invalid.',
      'ValidationError',
      'The body must look like {"enabled": true}. /enabled: Expected boolean.'
    ),
    401: authenticationRequired,
    403: noAccess,
    415: errorSchema(
      'The content type is not accepted.',
      'ContentTypeError',
      'The content type of the request (text/plain) is not accepted: send application/json.'
    )
  }
}
