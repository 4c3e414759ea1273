import { Type } from '@sinclair/typebox'

/** The answer to generating a token. */
export const scimTokenSchema = Type.Object(
  {
    token: Type.String({
      description: 'The bearer token that the identity provider sends with SCIM requests. It is shown this once; generating another one ends it.',
      examples: ['scim_0000000000000000000000000000000000000000000000000']
    })
  },
  {
    $id: 'scimTokenSchema',
    additionalProperties: false,
    description: 'A newly generated SCIM API token.'
  }
)

/** The answer to asking for the settings. */
export const scimSettingsSchema = Type.Object(
  {
    enabled: Type.Boolean({ description: 'Whether SCIM requests are let in.', examples: [true] }),
    hasToken: Type.Boolean({ description: 'Whether a SCIM API token has been generated.', examples: [true] })
  },
  {
    $id: 'scimSettingsSchema',
    additionalProperties: false,
    description: 'The state of SCIM provisioning.'
  }
)

/** The body of changing the settings. */
export const setScimSettingsSchema = Type.Object(
  {
    enabled: Type.Boolean({ description: 'Whether to let SCIM requests in.', examples: [true] })
  },
  {
    $id: 'setScimSettingsSchema',
    description: 'What to change about SCIM provisioning.'
  }
)

function errorSchema (description: string, name: string, message: string) {
  return Type.Object(
    {
      id: Type.Optional(Type.String({
        description: 'Identifies this one error, here and in the log of the server.',
        examples: ['6a1c9a0e-3a55-4b8e-9a39-0a1a6f6c2b0d']
      })),
      name: Type.Optional(Type.String({ description: 'The kind of error.', examples: [name] })),
      message: Type.Optional(Type.String({ description: 'What went wrong and what to do.', examples: [message] }))
    },
    { description }
  )
}

const authenticationRequired = errorSchema(
  'Nobody is logged in, or the credentials are not accepted.',
  'AuthenticationRequired',
  'You must log in: the request had no credentials. Log in at /auth/simple/login.'
)

const validationError = errorSchema(
  'The body is not what the operation expects.',
  'ValidationError',
  'The body must look like {"enabled": true}. /enabled: Expected boolean.'
)

const noAccess = errorSchema(
  'The caller is known and lacks the permission, or is a browser on another origin.',
  'NoAccessError',
  'You need one of these permissions to do this: ADMIN, UPDATE_AUTH_CONFIGURATION.'
)

const notFound = errorSchema(
  'There are no SCIM settings to attach a token to.',
  'NotFoundError',
  'There are no SCIM settings yet. Set up SCIM first, then generate a token.'
)

const unsupportedMediaType = errorSchema(
  'The body is of a type that the operation does not accept.',
  'ContentTypeError',
  'The content type of the request (text/plain) is not accepted: send application/json.'
)

/** Operation `generateNewToken`, as Unleash's public OpenAPI document has it. */
export const generateNewTokenOperation = {
  operationId: 'generateNewToken',
  tags: ['Auth'],
  summary: 'Generate a new SCIM API token.',
  description: 'Generates a new SCIM API token and ends every one generated before. The request needs no body.',
  'x-stability-level': 'stable',
  response: {
    200: { $ref: 'scimTokenSchema#' },
    401: authenticationRequired,
    403: noAccess,
    404: notFound
  }
}

/** Operation `getScimSettings`, as Unleash's public OpenAPI document has it. */
export const getScimSettingsOperation = {
  operationId: 'getScimSettings',
  tags: ['Auth'],
  summary: 'Get the SCIM settings.',
  description: 'Answers whether SCIM is enabled and whether a SCIM API token has been generated.',
  'x-stability-level': 'stable',
  response: {
    200: { $ref: 'scimSettingsSchema#' },
    401: authenticationRequired
  }
}

/** Operation `setScimSettings`, as Unleash's public OpenAPI document has it. */
export const setScimSettingsOperation = {
  operationId: 'setScimSettings',
  tags: ['Auth'],
  summary: 'Change the SCIM settings.',
  description: 'Enables or disables SCIM. A token that was generated before is kept.',
  'x-stability-level': 'stable',
  body: { $ref: 'setScimSettingsSchema#' },
  response: {
    200: { description: 'The settings are changed. The answer has no body.', type: 'null' },
    400: validationError,
    401: authenticationRequired,
    403: noAccess,
    415: unsupportedMediaType
  }
}
