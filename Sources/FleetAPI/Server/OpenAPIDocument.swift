// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The OpenAPI document of everything that the server answers.
///
/// A copy of `docs/api/openapi.json`, so that the binary needs no files of its own; a test compares the two and the routes.
enum OpenAPIDocument {
    static let text = #"""
        {
          "openapi": "3.1.0",
          "info": {
            "title": "Flotilla API",
            "version": "1",
            "description": "fleet's API v1, field by field, and what Flotilla adds to it. Every path under /fleet/v1 is served under /v1-alpha too. A field whose value is empty is left out of answers; in requests a field that is missing, null or empty means the same. While etcd does not answer, what was read before is answered with its age in X-Flotilla-As-Of and Age; all else is 503.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
          },
          "servers": [{"url": "http://localhost", "description": "The unix socket /run/flotilla/api.sock, or a TCP listener."}],
          "paths": {
            "/fleet/v1/units": {
              "get": {
                "operationId": "listUnits",
                "summary": "List the units, sorted by name",
                "tags": ["units"],
                "parameters": [{"$ref": "#/components/parameters/nextPageToken"}, {"$ref": "#/components/parameters/all"}],
                "responses": {
                  "200": {
                    "description": "One page.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/UnitPage"}}}
                  },
                  "400": {"$ref": "#/components/responses/BadRequest"},
                  "503": {"$ref": "#/components/responses/Unavailable"}
                }
              }
            },
            "/fleet/v1/units/{name}": {
              "parameters": [{"$ref": "#/components/parameters/name"}],
              "get": {
                "operationId": "readUnit",
                "summary": "Read one unit",
                "tags": ["units"],
                "responses": {
                  "200": {
                    "description": "The unit.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Unit"}}}
                  },
                  "404": {"$ref": "#/components/responses/NotFound"},
                  "503": {"$ref": "#/components/responses/Unavailable"}
                }
              },
              "put": {
                "operationId": "putUnit",
                "summary": "Create a unit, replace its file, or change its desired state",
                "tags": ["units"],
                "description": "A file comes as options or as contents. A unit that does not exist is created. A unit that exists with another file gets the new one, and the desired state that is given, inactive by default. A unit that exists with the same file, or a request without one, changes the desired state.",
                "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Unit"}}}},
                "responses": {
                  "201": {
                    "description": "Created, or its file replaced.",
                    "headers": {
                      "Flotilla-Revision": {
                        "description": "The store's revision that holds the write.",
                        "schema": {"type": "integer", "format": "int64"}
                      }
                    }
                  },
                  "204": {
                    "description": "The desired state is set.",
                    "headers": {
                      "Flotilla-Revision": {
                        "description": "The store's revision that holds the write.",
                        "schema": {"type": "integer", "format": "int64"}
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/BadRequest"},
                  "409": {
                    "description": "No file is given for a unit that does not exist, or nothing is given to change.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
                  },
                  "413": {"$ref": "#/components/responses/TooLarge"},
                  "415": {
                    "description": "The content type is not application/json, or not given exactly once.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
                  },
                  "503": {"$ref": "#/components/responses/Unavailable"}
                }
              },
              "delete": {
                "operationId": "destroyUnit",
                "summary": "Stop a unit and forget it",
                "tags": ["units"],
                "responses": {
                  "204": {
                    "description": "Destroyed.",
                    "headers": {
                      "Flotilla-Revision": {
                        "description": "The store's revision that holds the write.",
                        "schema": {"type": "integer", "format": "int64"}
                      }
                    }
                  },
                  "404": {"$ref": "#/components/responses/NotFound"},
                  "503": {"$ref": "#/components/responses/Unavailable"}
                }
              }
            },
            "/fleet/v1/units/{name}/restart": {
              "parameters": [{"$ref": "#/components/parameters/name"}],
              "post": {
                "operationId": "restartUnit",
                "summary": "Restart a launched unit where it runs",
                "tags": ["units"],
                "responses": {
                  "204": {
                    "description": "The restart is asked for; Unit.restarts is one higher.",
                    "headers": {
                      "Flotilla-Revision": {
                        "description": "The store's revision that holds the write.",
                        "schema": {"type": "integer", "format": "int64"}
                      }
                    }
                  },
                  "404": {"$ref": "#/components/responses/NotFound"},
                  "409": {
                    "description": "The unit is not launched.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
                  },
                  "503": {"$ref": "#/components/responses/Unavailable"}
                }
              }
            },
            "/fleet/v1/units/{name}/explain": {
              "parameters": [{"$ref": "#/components/parameters/name"}],
              "get": {
                "operationId": "explainUnit",
                "summary": "Say why a unit is where it is, or on no machine",
                "tags": ["units"],
                "responses": {
                  "200": {
                    "description": "The reasons.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Explanation"}}}
                  },
                  "404": {"$ref": "#/components/responses/NotFound"},
                  "503": {"$ref": "#/components/responses/Unavailable"}
                }
              }
            },
            "/fleet/v1/state": {
              "get": {
                "operationId": "listStates",
                "summary": "List what machines report of units, sorted by unit, then by machine",
                "tags": ["states"],
                "parameters": [
                  {
                    "name": "machineID",
                    "in": "query",
                    "description": "Only this machine's.",
                    "schema": {"type": "string"}
                  },
                  {
                    "name": "unitName",
                    "in": "query",
                    "description": "Only this unit's.",
                    "schema": {"type": "string"}
                  },
                  {"$ref": "#/components/parameters/nextPageToken"},
                  {"$ref": "#/components/parameters/all"}
                ],
                "responses": {
                  "200": {
                    "description": "One page.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/UnitStatePage"}}}
                  },
                  "400": {"$ref": "#/components/responses/BadRequest"},
                  "503": {"$ref": "#/components/responses/Unavailable"}
                }
              }
            },
            "/fleet/v1/state/{name}": {
              "parameters": [{"$ref": "#/components/parameters/name"}],
              "get": {
                "operationId": "readState",
                "summary": "Read what a machine reports of a unit",
                "tags": ["states"],
                "responses": {
                  "200": {
                    "description": "The first machine's report; an empty object when no machine reports on a known unit.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/UnitState"}}}
                  },
                  "404": {"$ref": "#/components/responses/NotFound"},
                  "503": {"$ref": "#/components/responses/Unavailable"}
                }
              }
            },
            "/fleet/v1/machines": {
              "get": {
                "operationId": "listMachines",
                "summary": "List the machines that are alive, sorted by id",
                "tags": ["machines"],
                "parameters": [{"$ref": "#/components/parameters/nextPageToken"}, {"$ref": "#/components/parameters/all"}],
                "responses": {
                  "200": {
                    "description": "One page.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/MachinePage"}}}
                  },
                  "400": {"$ref": "#/components/responses/BadRequest"},
                  "503": {"$ref": "#/components/responses/Unavailable"}
                }
              },
              "patch": {
                "operationId": "patchMachines",
                "summary": "Change metadata of machines",
                "tags": ["machines"],
                "description": "All changes are checked, then made in order. Values set here win over those that a machine brings along and outlive its session.",
                "requestBody": {
                  "required": true,
                  "content": {
                    "application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/MetadataPatch"}}}
                  }
                },
                "responses": {
                  "204": {
                    "description": "Changed.",
                    "headers": {
                      "Flotilla-Revision": {
                        "description": "The store's revision that holds the write.",
                        "schema": {"type": "integer", "format": "int64"}
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/BadRequest"},
                  "413": {"$ref": "#/components/responses/TooLarge"},
                  "503": {"$ref": "#/components/responses/Unavailable"}
                }
              }
            },
            "/fleet/v1/events": {
              "get": {
                "operationId": "followEvents",
                "summary": "Follow changes as server-sent events",
                "tags": ["server"],
                "parameters": [
                  {
                    "name": "unit",
                    "in": "query",
                    "description": "Only events of these units; without it everything, machines included.",
                    "schema": {"type": "array", "items": {"type": "string"}},
                    "style": "form",
                    "explode": true
                  },
                  {
                    "name": "snapshot",
                    "in": "query",
                    "description": "true puts the present state first.",
                    "schema": {"type": "string", "enum": ["true", "false"]}
                  }
                ],
                "responses": {
                  "200": {
                    "description": "A stream. The field event is unit, state, machine or sync; id is the store's revision; data is an EventData in one line. sync comes once: before it the snapshot, after it every change. Comments keep the connection open. A stream that ends has to be opened again, with a snapshot to see what was missed.",
                    "content": {"text/event-stream": {"schema": {"type": "string"}}}
                  },
                  "400": {"$ref": "#/components/responses/BadRequest"},
                  "503": {"$ref": "#/components/responses/Unavailable"}
                }
              }
            },
            "/fleet/v1/discovery": {
              "get": {
                "operationId": "readDiscovery",
                "summary": "Read the description that fleet's generated clients use",
                "tags": ["server"],
                "responses": {
                  "200": {
                    "description": "A Google API discovery document.",
                    "content": {"application/json": {"schema": {"type": "object"}}}
                  },
                  "400": {"$ref": "#/components/responses/BadRequest"},
                  "503": {"$ref": "#/components/responses/Unavailable"}
                }
              }
            },
            "/healthz": {
              "get": {
                "operationId": "readHealth",
                "summary": "Say whether the server can do its work",
                "tags": ["server"],
                "responses": {
                  "200": {
                    "description": "It can.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}
                  },
                  "503": {
                    "description": "It cannot; reason says why.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}
                  }
                }
              }
            },
            "/openapi.json": {
              "get": {
                "operationId": "readOpenAPI",
                "summary": "Read this document",
                "tags": ["server"],
                "responses": {
                  "200": {"description": "This document.", "content": {"application/json": {"schema": {"type": "object"}}}},
                  "503": {"$ref": "#/components/responses/Unavailable"}
                }
              }
            }
          },
          "components": {
            "parameters": {
              "name": {
                "name": "name",
                "in": "path",
                "required": true,
                "description": "Full name of a unit, such as web.service.",
                "schema": {"type": "string", "maxLength": 256}
              },
              "nextPageToken": {
                "name": "nextPageToken",
                "in": "query",
                "description": "Which page; from the page before.",
                "schema": {"type": "string"}
              },
              "all": {
                "name": "all",
                "in": "query",
                "description": "true asks for everything in one answer, read at one revision. Not in fleet.",
                "schema": {"type": "string", "enum": ["true", "false"]}
              }
            },
            "responses": {
              "BadRequest": {
                "description": "The request breaks a rule; the message says which.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
              },
              "NotFound": {
                "description": "No such unit.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
              },
              "TooLarge": {
                "description": "The body exceeds 4 MiB.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
              },
              "Unavailable": {
                "description": "The server is unable to communicate with etcd.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
              }
            },
            "schemas": {
              "Unit": {
                "type": "object",
                "properties": {
                  "name": {"type": "string", "description": "Full name."},
                  "options": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/UnitOption"},
                    "description": "Every option of the unit's file, in order."
                  },
                  "desiredState": {
                    "type": "string",
                    "description": "What the user wants.",
                    "enum": ["inactive", "loaded", "launched"]
                  },
                  "currentState": {
                    "type": "string",
                    "description": "How far it has come; left out for a global unit read by name.",
                    "enum": ["inactive", "loaded", "launched"],
                    "readOnly": true
                  },
                  "machineID": {"type": "string", "description": "Where it is assigned.", "readOnly": true},
                  "contents": {
                    "type": "string",
                    "description": "The file as written, comments included. In answers for one unit only, where it differs from what the options give. Not in fleet."
                  },
                  "hash": {
                    "type": "string",
                    "description": "SHA-1 of the file as written, 40 digits; only where it is not the one that the options give. Not in fleet.",
                    "readOnly": true
                  },
                  "restarts": {
                    "type": "integer",
                    "description": "How often a restart was asked for. Not in fleet.",
                    "readOnly": true
                  },
                  "reason": {
                    "type": "string",
                    "description": "Why a unit that should be on a machine is on none; for one unit only. Not in fleet.",
                    "readOnly": true
                  }
                }
              },
              "UnitOption": {
                "type": "object",
                "properties": {
                  "section": {"type": "string", "description": "Such as Service."},
                  "name": {"type": "string", "description": "Such as ExecStart."},
                  "value": {"type": "string", "description": "Left out when empty."}
                }
              },
              "UnitPage": {
                "type": "object",
                "properties": {
                  "units": {"type": "array", "items": {"$ref": "#/components/schemas/Unit"}},
                  "nextPageToken": {"type": "string", "description": "Left out on the last page."}
                }
              },
              "UnitState": {
                "type": "object",
                "properties": {
                  "name": {"type": "string", "description": "The unit."},
                  "hash": {"type": "string", "description": "SHA-1 of the file in force, 40 digits."},
                  "machineID": {"type": "string", "description": "Who reports."},
                  "systemdLoadState": {"type": "string", "description": "systemd's LOAD."},
                  "systemdActiveState": {"type": "string", "description": "systemd's ACTIVE."},
                  "systemdSubState": {"type": "string", "description": "systemd's SUB."},
                  "since": {
                    "type": "integer",
                    "format": "int64",
                    "description": "When it entered this ACTIVE state, in milliseconds since 1970 by the machine's clock. Not in fleet."
                  },
                  "health": {
                    "type": "string",
                    "description": "Why the machine could not do what it was ordered, or what systemd said of the last start; begins with \"queued\" while the start waits in systemd. Not in fleet."
                  },
                  "acted": {
                    "type": "string",
                    "enum": ["inactive", "loaded"],
                    "description": "What the machine has acted on; left out once systemd has shown or said that it started the unit. Not in fleet."
                  },
                  "restarts": {
                    "type": "integer",
                    "description": "The number of Unit.restarts that the machine has acted on. Not in fleet."
                  },
                  "automaticRestarts": {
                    "type": "integer",
                    "description": "How often systemd has started the unit again by itself since it was last ordered to start. Not in fleet."
                  }
                }
              },
              "UnitStatePage": {
                "type": "object",
                "properties": {
                  "states": {"type": "array", "items": {"$ref": "#/components/schemas/UnitState"}},
                  "nextPageToken": {"type": "string", "description": "Left out on the last page."}
                }
              },
              "Machine": {
                "type": "object",
                "properties": {
                  "id": {"type": "string", "description": "Content of /etc/machine-id."},
                  "primaryIP": {"type": "string", "description": "Its address."},
                  "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
                  "name": {"type": "string", "description": "Host name. Not in fleet."},
                  "version": {"type": "string", "description": "Version of its agent. Not in fleet."},
                  "capacity": {"$ref": "#/components/schemas/Capacity"},
                  "apiAddress": {"type": "string", "description": "Where its own API answers. Not in fleet."},
                  "trouble": {"type": "string", "description": "What is wrong with it and what to do. Not in fleet."},
                  "cordoned": {"type": "boolean", "description": "True while an operator keeps new units off it; left out otherwise. Not in fleet."},
                  "closed": {"type": "boolean", "description": "True while its trouble keeps new units off it; left out otherwise. Not in fleet."}
                }
              },
              "Capacity": {
                "type": "object",
                "description": "Not in fleet.",
                "required": ["processors", "memory"],
                "properties": {
                  "processors": {"type": "integer"},
                  "memory": {"type": "integer", "format": "int64", "description": "Bytes."}
                }
              },
              "MachinePage": {
                "type": "object",
                "properties": {
                  "machines": {"type": "array", "items": {"$ref": "#/components/schemas/Machine"}},
                  "nextPageToken": {"type": "string", "description": "Left out on the last page."}
                }
              },
              "MetadataPatch": {
                "type": "object",
                "required": ["op", "path"],
                "properties": {
                  "op": {
                    "type": "string",
                    "description": "add and replace do the same.",
                    "enum": ["add", "replace", "remove"]
                  },
                  "path": {
                    "type": "string",
                    "description": "/MACHINE-ID/metadata/KEY.",
                    "pattern": "^/[0-9a-f]{32}/metadata/[A-Za-z0-9_.-]+$"
                  },
                  "value": {
                    "description": "Not empty, unless op is remove.",
                    "oneOf": [
                      {"type": "string"},
                      {"type": "object", "required": ["value"], "properties": {"value": {"type": "string"}}}
                    ]
                  }
                }
              },
              "Explanation": {
                "type": "object",
                "required": ["name", "desiredState", "currentState", "machineIDs", "reasons"],
                "properties": {
                  "name": {"type": "string", "description": "The unit."},
                  "desiredState": {
                    "type": "string",
                    "description": "What the user wants.",
                    "enum": ["inactive", "loaded", "launched"]
                  },
                  "currentState": {
                    "type": "string",
                    "description": "How far it has come.",
                    "enum": ["inactive", "loaded", "launched"]
                  },
                  "machineIDs": {"type": "array", "items": {"type": "string"}},
                  "reasons": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "What each rule refused; empty when nothing stands in the way."
                  }
                }
              },
              "EventData": {
                "type": "object",
                "description": "The entity that the event is about; where it was removed, only its identity.",
                "properties": {
                  "unit": {"$ref": "#/components/schemas/Unit"},
                  "state": {"$ref": "#/components/schemas/UnitState"},
                  "machine": {"$ref": "#/components/schemas/Machine"},
                  "removed": {"type": "boolean"}
                }
              },
              "Health": {
                "type": "object",
                "required": ["status", "version"],
                "properties": {
                  "status": {"type": "string", "description": "State of the server.", "enum": ["ok", "unavailable"]},
                  "version": {"type": "string", "description": "Version of the agent."},
                  "reason": {"type": "string", "description": "What is wrong."}
                }
              },
              "Error": {
                "type": "object",
                "required": ["error"],
                "properties": {
                  "error": {
                    "type": "object",
                    "required": ["code", "message"],
                    "properties": {
                      "code": {"type": "integer", "description": "The status, once more."},
                      "message": {"type": "string", "description": "What is wrong; may be empty."}
                    }
                  }
                }
              }
            }
          }
        }

        """#
}
