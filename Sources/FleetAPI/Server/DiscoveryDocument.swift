// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The machine-readable description that generated clients of fleet's API read, in Google's discovery format.
///
/// It describes what fleet's own clients use, and so leaves out `PATCH /machines` and all that is ours; the OpenAPI
/// document has everything. Addresses are relative, since one server answers at several.
enum DiscoveryDocument {
    static let text = #"""
        {
          "kind": "discovery#restDescription",
          "discoveryVersion": "v1",
          "id": "fleet:v1",
          "name": "fleet",
          "version": "v1",
          "title": "fleet API",
          "description": "Units of systemd, scheduled over machines.",
          "documentationLink": "",
          "protocol": "rest",
          "icons": {"x16": "", "x32": ""},
          "labels": [],
          "baseUrl": "/fleet/v1/",
          "basePath": "/fleet/v1/",
          "rootUrl": "/",
          "servicePath": "fleet/v1/",
          "batchPath": "batch",
          "parameters": {},
          "auth": {},
          "schemas": {
            "Machine": {
              "id": "Machine",
              "type": "object",
              "properties": {
                "id": {"type": "string", "required": true},
                "primaryIP": {"type": "string"},
                "metadata": {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}}
              }
            },
            "MachinePage": {
              "id": "MachinePage",
              "type": "object",
              "properties": {"machines": {"type": "array", "items": {"$ref": "Machine"}}, "nextPageToken": {"type": "string"}}
            },
            "UnitOption": {
              "id": "UnitOption",
              "type": "object",
              "properties": {"section": {"type": "string"}, "name": {"type": "string"}, "value": {"type": "string"}}
            },
            "Unit": {
              "id": "Unit",
              "type": "object",
              "properties": {
                "name": {"type": "string"},
                "options": {"type": "array", "items": {"$ref": "UnitOption"}},
                "desiredState": {"type": "string", "enum": ["inactive", "loaded", "launched"]},
                "currentState": {"type": "string", "enum": ["inactive", "loaded", "launched"]},
                "machineID": {"type": "string"}
              }
            },
            "UnitPage": {
              "id": "UnitPage",
              "type": "object",
              "properties": {"units": {"type": "array", "items": {"$ref": "Unit"}}, "nextPageToken": {"type": "string"}}
            },
            "UnitState": {
              "id": "UnitState",
              "type": "object",
              "properties": {
                "name": {"type": "string"},
                "hash": {"type": "string"},
                "machineID": {"type": "string"},
                "systemdLoadState": {"type": "string"},
                "systemdActiveState": {"type": "string"},
                "systemdSubState": {"type": "string"}
              }
            },
            "UnitStatePage": {
              "id": "UnitStatePage",
              "type": "object",
              "properties": {"states": {"type": "array", "items": {"$ref": "UnitState"}}, "nextPageToken": {"type": "string"}}
            }
          },
          "resources": {
            "Machines": {
              "methods": {
                "List": {
                  "id": "fleet.Machine.List",
                  "description": "Lists the machines that are alive.",
                  "httpMethod": "GET",
                  "path": "machines",
                  "response": {"$ref": "MachinePage"},
                  "parameters": {"nextPageToken": {"type": "string", "location": "query"}}
                }
              }
            },
            "Units": {
              "methods": {
                "List": {
                  "id": "fleet.Unit.List",
                  "description": "Lists the units.",
                  "httpMethod": "GET",
                  "path": "units",
                  "response": {"$ref": "UnitPage"},
                  "parameters": {"nextPageToken": {"type": "string", "location": "query"}}
                },
                "Get": {
                  "id": "fleet.Unit.Get",
                  "description": "Reads one unit.",
                  "httpMethod": "GET",
                  "path": "units/{unitName}",
                  "parameters": {"unitName": {"type": "string", "location": "path", "required": true}},
                  "parameterOrder": ["unitName"],
                  "response": {"$ref": "Unit"}
                },
                "Set": {
                  "id": "fleet.Unit.Set",
                  "description": "Creates a unit, replaces its file or changes its desired state.",
                  "httpMethod": "PUT",
                  "path": "units/{unitName}",
                  "parameters": {"unitName": {"type": "string", "location": "path", "required": true}},
                  "parameterOrder": ["unitName"],
                  "request": {"$ref": "Unit"}
                },
                "Delete": {
                  "id": "fleet.Unit.Delete",
                  "description": "Destroys a unit.",
                  "httpMethod": "DELETE",
                  "path": "units/{unitName}",
                  "parameters": {"unitName": {"type": "string", "location": "path", "required": true}},
                  "parameterOrder": ["unitName"]
                }
              }
            },
            "UnitState": {
              "methods": {
                "List": {
                  "id": "fleet.UnitState.List",
                  "description": "Lists what machines report of units.",
                  "httpMethod": "GET",
                  "path": "state",
                  "response": {"$ref": "UnitStatePage"},
                  "parameters": {
                    "nextPageToken": {"type": "string", "location": "query"},
                    "machineID": {"type": "string", "location": "query"},
                    "unitName": {"type": "string", "location": "query"}
                  }
                },
                "Get": {
                  "id": "fleet.UnitState.Get",
                  "description": "Reads what a machine reports of one unit.",
                  "httpMethod": "GET",
                  "path": "state/{unitName}",
                  "parameters": {"unitName": {"type": "string", "location": "path", "required": true}},
                  "parameterOrder": ["unitName"],
                  "response": {"$ref": "UnitState"}
                }
              }
            }
          }
        }
        """#
}
