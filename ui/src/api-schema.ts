/** Made of docs/reference/openapi.json by `npm run schema`: change that, not this. */

export interface paths {
    "/api/compare": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is new, gone, more or less frequent than before. */
        get: operations["getCompare"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/context": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The events around an event, whatever the query was. */
        get: operations["getContext"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/count": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How many events match. */
        get: operations["getCount"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/event/{uid}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One event, with its way through loggr. */
        get: operations["getEventUid"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/explain-nothing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Why a query finds nothing: which term excludes everything, and where matching events are. */
        get: operations["getExplainNothing"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All matching events as a file. */
        get: operations["getExport"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/fields": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The fields that the matching events have. */
        get: operations["getFields"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/histogram": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Matching events by time and by the values of a field. */
        get: operations["getHistogram"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Logs in with a password; the answer sets the cookie of the session. */
        post: operations["postLogin"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/login/link": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Makes the first administrator, with the code of the link that was printed at the start. */
        post: operations["postLoginLink"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/login/oidc": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Begins a log-in through the provider, to which it sends the browser. */
        get: operations["getLoginOidc"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/login/oidc/return": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where the provider sends the browser back to, and from where it goes on to the page. */
        get: operations["getLoginOidcReturn"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends the session. */
        post: operations["postLogout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/logout/all": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends all sessions of the one who asks. */
        post: operations["postLogoutAll"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who asks, and what they may. */
        get: operations["getMe"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/me/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sets another password of one's own; all other sessions end. */
        post: operations["postMePassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/notifications": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What changes in the installation, as server-sent events. */
        get: operations["getNotifications"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document. */
        get: operations["getOpenapiJson"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/parse": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Reads a query without asking it: its parts for colouring, or what is wrong with it and where. */
        get: operations["getParse"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/patterns": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Matching events by the shape of their message. */
        get: operations["getPatterns"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queues/{name}/peek": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The oldest events that wait in a queue; they stay there. */
        get: operations["getQueuesNamePeek"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queues/{name}/purge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Drops what waits in a queue. */
        post: operations["postQueuesNamePurge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rescue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What could not be delivered, and why. */
        get: operations["getRescue"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rescue/discard": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Deletes rescued events for ever. */
        post: operations["postRescueDiscard"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rescue/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Offers rescued events to their destination again. */
        post: operations["postRescueReplay"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/roles": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All roles, the built-in ones first. */
        get: operations["getRoles"];
        put?: never;
        /** Makes a role. */
        post: operations["postRoles"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/roles/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Changes a role; it holds at once, also for those who are logged in. */
        put: operations["putRolesName"];
        post?: never;
        /** Removes a role that nobody has. */
        delete: operations["deleteRolesName"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/saved": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The saved searches that one may see. */
        get: operations["getSaved"];
        put?: never;
        /** Saves a search under a new name. */
        post: operations["postSaved"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/saved/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Changes a saved search of one's own. */
        put: operations["putSavedName"];
        post?: never;
        /** Removes a saved search of one's own; an administrator removes shared ones of others, and those that are nobody's, too. */
        delete: operations["deleteSavedName"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Matching events, a page of them. */
        get: operations["getSearch"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/span": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** From when to when the store has events. */
        get: operations["getSpan"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is so in the installation. */
        get: operations["getStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/status/feed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The same again and again, as server-sent events. */
        get: operations["getStatusFeed"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tail": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** New matching events as they come, as server-sent events. */
        get: operations["getTail"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One's own tokens; an administrator sees all. */
        get: operations["getTokens"];
        put?: never;
        /** Makes a token; its secret is in the answer and nowhere else. */
        post: operations["postTokens"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Removes a token, and those that were made by it. */
        delete: operations["deleteTokensId"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/top": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The most frequent values of a field among the matching events. */
        get: operations["getTop"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/upload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes a log file, whose lines become events; tells line by line how far it has come. */
        post: operations["postUpload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All users. */
        get: operations["getUsers"];
        put?: never;
        /** Makes a user. */
        post: operations["postUsers"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Removes a user, with the tokens that are theirs. */
        delete: operations["deleteUsersName"];
        options?: never;
        head?: never;
        /** Changes a user; what is left out stays as it is. */
        patch: operations["patchUsersName"];
        trace?: never;
    };
    "/api/users/{name}/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends all sessions of a user; their tokens stay. */
        post: operations["postUsersNameLogout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/values": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Values of a field that begin in a certain way, for completing what somebody types. */
        get: operations["getValues"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How many of the matching events have a good seal, and which have a broken one; answer by answer. */
        get: operations["getVerify"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The events of a span of time. */
        Bar: {
            /** @description One for each of `series`, and one for events without the field where `without` says so. */
            counts: number[];
            /** @description Where it begins. */
            start: string;
        };
        /** @description An event whose seal is broken. */
        Broken: {
            /** @description Its program; left out where that is hidden from who asks. */
            app_name?: string | null;
            /** @description Its host; left out where that is hidden from who asks. */
            source?: string | null;
            /** @description When it was received. */
            timegenerated: string;
            /** @description When it was sealed, as it says itself. */
            timehmac?: string | null;
            /** @description Its identity. */
            uid: string;
        };
        /** @description Something that has changed. */
        Change: {
            /**
             * Format: uint64
             * @description Events before.
             */
            before: number;
            /** @description An event of the shape. */
            example?: components["schemas"]["Example"] | null;
            /** @description Of which field a value is. */
            field?: string | null;
            /** @description `new`, `gone`, `grew` or `shrank`. */
            kind: string;
            /**
             * Format: uint64
             * @description Events now.
             */
            now: number;
            /** @description The message of the example in pieces, and whether each of them varies. */
            parts: [
                string,
                boolean
            ][];
            /**
             * Format: double
             * @description Events a second before.
             */
            rate_before: number;
            /**
             * Format: double
             * @description Events a second now.
             */
            rate_now: number;
            /**
             * Format: double
             * @description How sure it is that this is no chance; greater is surer.
             */
            score: number;
            /** @description Events of the shape by severity: now, or before if it is gone. */
            severities: {
                [key: string]: number;
            };
            /** @description Which shape it is. */
            shape?: string | null;
            /** @description The words of the shape. */
            text?: string | null;
            /** @description Which value it is. */
            value?: string | null;
            /** @description `shape` or `value`. */
            what: string;
        };
        /** @description A connected client. */
        Client: {
            /**
             * Format: uint64
             * @description Events that came over it.
             * @default 0
             */
            events: number;
            /**
             * Format: double
             * @description When something came over it last, in seconds since 1970.
             * @default null
             */
            last_seen: number | null;
            /**
             * @description Address and port.
             * @default
             */
            peer: string;
            /**
             * Format: uint64
             * @description How long it has been connected.
             * @default 0
             */
            seconds: number;
            /**
             * @description Whether the connection is encrypted.
             * @default false
             */
            tls: boolean;
            /**
             * @description The verified name in its certificate.
             * @default null
             */
            tls_name: string | null;
        };
        /** @description What has changed between two ranges. */
        Comparison: {
            /** @description The one that it is compared with. */
            before: components["schemas"]["Side"];
            /** @description The most significant first. */
            changes: components["schemas"]["Change"][];
            /** @description The range that was asked for. */
            now: components["schemas"]["Side"];
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description What was left out and why. */
            warnings: string[];
        };
        /** @description The events around one. */
        Context: {
            /** @description The uid of the one in the middle. */
            anchor: string;
            /** @description Where newer ones go on. */
            cursor_after?: string | null;
            /** @description Where older ones go on. */
            cursor_before?: string | null;
            /** @description Oldest first, with the one in the middle. */
            events: components["schemas"]["Event"][];
            /** @description There are newer ones. */
            more_after: boolean;
            /** @description There are older ones. */
            more_before: boolean;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description What was left out and why. */
            warnings: string[];
        };
        /** @description A number of events. */
        Count: {
            /**
             * Format: uint64
             * @description How many match.
             */
            events: number;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description What was left out and why. */
            warnings: string[];
        };
        /** @description A file that was found damaged. */
        DamagedFile: {
            /**
             * @description The file.
             * @default
             */
            file: string;
            /**
             * @description The store to which it belongs.
             * @default
             */
            store: string;
            /**
             * @description What is wrong with it.
             * @default
             */
            what: string;
        };
        /** @description What was deleted. */
        Discarded: {
            /**
             * Format: uint64
             * @description Events.
             */
            discarded: number;
        };
        /** @description What was dropped of a queue. */
        Dropped: {
            /**
             * Format: uint64
             * @description How many.
             */
            dropped: number;
            /**
             * Format: uint64
             * @description Events of it that somebody works on.
             */
            in_hand: number;
            /** @description What becomes of those. */
            in_hand_is: components["schemas"]["InHand"];
            /** @description Of what: a broker counts messages. */
            unit: components["schemas"]["Unit"];
        };
        /** @description How many sessions were ended. */
        EndedSessions: {
            /**
             * Format: uint
             * @description So many.
             */
            ended: number;
        };
        /** @description An entry of the rescue. */
        Entry: {
            /**
             * Format: uint32
             * @description How often it was tried.
             */
            attempts: number;
            /** @description The first of them, where it was asked for. */
            event?: unknown;
            /**
             * Format: uint
             * @description How many events it has.
             */
            events: number;
            /** @description Its number. */
            id: string;
            /** @description Why it is there. */
            reason: string;
            /** @description Whose it is. */
            sink: string;
            /** @description Since when, in RFC 3339. */
            time: string;
        };
        /** @description An event. Fields that it does not have are left out. */
        Event: {
            app_name: string;
            defects?: string[];
            facility: string;
            fields: {
                [key: string]: string[];
            };
            hmac?: string;
            message: string;
            /** @description How many characters the message has, where not all of them are sent. */
            message_cut?: number;
            msgid?: string;
            /** @description Where it came from. */
            origin?: {
                format?: string;
                keep_leading_blank?: boolean;
                listener: string;
                peer: string;
                timezone?: string;
                tls_name?: string;
                transport: string;
                trusted?: boolean;
            };
            /** @description How many bytes the line had, where it was too long to be received whole. */
            original_len?: number;
            procid?: string;
            programname?: string;
            raw?: string;
            severity: string;
            source: string;
            structured_data?: {
                [key: string]: {
                    [key: string]: string[];
                };
            };
            syslogtag?: string;
            tags: string[];
            timegenerated: string;
            timehmac?: string;
            timereported: string;
            /** @description What the system itself says of the sender. */
            trusted?: {
                [key: string]: string;
            };
            uid: string;
        };
        /** @description The event that a shape is shown with. */
        Example: {
            app_name: string;
            message: string;
            source: string;
            timegenerated: string;
            uid: string;
        };
        /** @description Why nothing was found. */
        Explained: {
            /** @description Ways of writing that mean something else here. */
            hints: string[];
            /**
             * Format: uint64
             * @description Events in the range, whatever the query.
             */
            in_range: number;
            /** @description The nearest matching events outside the range. */
            nearest: components["schemas"]["Nearest"];
            /** @description When the newest event that one may see was received. */
            newest?: string | null;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description What each term finds in the range by itself, and what is found without it. */
            terms: components["schemas"]["Term"][];
            /** @description Fields that no event has. */
            unknown: components["schemas"]["Unknown2"][];
            /** @description What was left out and why. */
            warnings: string[];
        };
        /** @description From when to when there are events. */
        Extent: {
            /**
             * Format: uint64
             * @description How many there are; `partial` where not all could be counted.
             */
            events: number;
            /** @description When the newest was received. */
            newest?: string | null;
            /** @description When the oldest was received. */
            oldest?: string | null;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description What was left out and why. */
            warnings: string[];
        };
        /** @description The fields that matching events have. */
        Fields: {
            /** @description Those that every event may have first, then the others, the most frequent first. */
            fields: components["schemas"]["OneField"][];
            /**
             * Format: uint64
             * @description All matching events.
             */
            matched: number;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description What was left out and why. */
            warnings: string[];
        };
        /** @description The files of a listener. */
        Files: {
            /**
             * Format: uint64
             * @description Bytes that were seen in them and are not durable yet.
             * @default 0
             */
            bytes_behind: number;
            /**
             * Format: uint64
             * @description Those bytes.
             * @default 0
             */
            gap_bytes: number;
            /**
             * Format: uint64
             * @description Files that are gone, though bytes had been seen in them that were not read.
             * @default 0
             */
            gaps: number;
            /**
             * Format: double
             * @description How long the oldest line has waited that was not read, in seconds.
             * @default 0
             */
            oldest_seconds: number;
            /**
             * Format: uint64
             * @description Files that are open.
             * @default 0
             */
            open: number;
            /**
             * @description What is wrong with single files, each with its name.
             * @default []
             */
            troubles: string[];
            /**
             * Format: uint64
             * @description Files that were truncated while they were read; lines may be missing that came just before.
             * @default 0
             */
            truncated: number;
            /**
             * Format: uint64
             * @description Files that are read.
             * @default 0
             */
            watched: number;
        };
        /** @description The first administrator. */
        FirstLogin: {
            /** @description What stands behind `code=` in the link. */
            code: string;
            /** @description The password, of at least 8 characters. */
            password: string;
            /** @description The name that the user shall have. */
            user: string;
        };
        /** @description A shipper that hands events on, since the process started. */
        Forward: {
            /**
             * @description The target that got the last events.
             * @default null
             */
            current: string | null;
            /**
             * Format: uint64
             * @description Events that were cut to the length of a datagram.
             * @default 0
             */
            cut: number;
            /**
             * Format: uint64
             * @description Connections that were made again.
             * @default 0
             */
            reconnects: number;
            /**
             * Format: uint64
             * @description Events that a target has refused.
             * @default 0
             */
            refused: number;
            /**
             * Format: uint64
             * @description Events that were sent once more, because their connection had broken.
             * @default 0
             */
            resent: number;
            /**
             * @description All targets.
             * @default []
             */
            targets: components["schemas"]["Target"][];
            /**
             * Format: uint64
             * @description Events that were handed over to a target that answers nothing (TCP, UDP).
             * @default 0
             */
            unacknowledged: number;
        };
        /** @description A file of a harvest. */
        HarvestedFile: {
            /**
             * @description When it was taken or refused, in RFC 3339.
             * @default
             */
            at: string;
            /**
             * @description Its path below the directory.
             * @default
             */
            path: string;
            /**
             * @description How many lines it had, or why it failed.
             * @default
             */
            what: string;
        };
        /** @description Events by time and by the values of a field. */
        Histogram: {
            /** @description The bars that hold something, oldest first. */
            buckets: components["schemas"]["Bar"][];
            /** @description By which field. */
            by: string;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What the counts of each bar are of: values, in the end null for all others. */
            series: (string | null)[];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /**
             * Format: uint64
             * @description All events.
             */
            total: number;
            /** @description What was left out and why. */
            warnings: string[];
            /**
             * Format: uint64
             * @description Milliseconds from one bar to the next.
             */
            width_ms: number;
            /** @description The last count of each bar, behind those of `series`, is of events without the field. */
            without: boolean;
        };
        /** @description What becomes of events that somebody works on while their queue is purged. */
        InHand: "doomed" | "kept";
        /** @description How much somebody may, from little to much. */
        Level: "viewer" | "operator" | "admin";
        /** @description How much may be asked for. */
        Limits: {
            /**
             * Format: uint64
             * @description Queries of one user at one time.
             */
            queries: number;
            /**
             * Format: uint64
             * @description Events of one page.
             */
            rows: number;
            /**
             * Format: uint64
             * @description How long a query may take.
             */
            timeout_seconds: number;
            /**
             * Format: uint64
             * @description The size of a file that is uploaded, unpacked.
             */
            upload_bytes: number;
        };
        /** @description The saved searches that one may see. */
        Listed: {
            /** @description By name. */
            saved: components["schemas"]["SavedSearch"][];
        };
        /** @description A log-in. */
        Login: {
            /** @description Their password. */
            password: string;
            /** @description The name of the user. */
            user: string;
        };
        /** @description How somebody can log in here. */
        LoginWays: {
            /** @description There is no user yet. */
            first: boolean;
            /** @description With a name and a password. */
            form: boolean;
            /** @description What the provider of OpenID Connect is called here, if there is one. */
            oidc?: string | null;
            /** @description Why the last log-in of this browser through the provider came to nothing. */
            problem?: string | null;
        };
        /** @description A token that was made. */
        MadeToken: {
            /** @description When it ends; null: never. */
            expires?: string | null;
            /** @description Names it. */
            id: string;
            /** @description What it is for. */
            name: string;
            /** @description The name of the role. */
            role: string;
            /** @description The secret, which is shown this once. */
            token: string;
        };
        /** @description Who asks. */
        Me: {
            /** @description What the header `X-Loggr-Csrf` has to say with a change. */
            csrf: string;
            /** @description How the page calls them. */
            display: string;
            /** @description They see only events that this query finds. */
            filter?: string | null;
            /** @description Fields that they do not see. */
            hidden: string[];
            /** @description The name of the host. */
            installation: string;
            /** @description What the role may: `viewer`, `operator` or `admin`. */
            level: components["schemas"]["Level"];
            /** @description How much may be asked for. */
            limits: components["schemas"]["Limits"];
            /** @description How one can log in. */
            login: components["schemas"]["LoginWays"];
            /** @description What they may: `search`, `operate`, `administer`. */
            may: string[];
            /** @description A filter or hidden fields keep something from them; what shows all is not for them. */
            restricted: boolean;
            /** @description The name of the role. */
            role: string;
            /** @description When the session ends if it is not used any more. */
            session_ends?: string | null;
            /** @description Shippers whose stores can be asked. */
            stores: string[];
            /** @description The process takes files. */
            uploads: boolean;
            /** @description The user, or whose token it is. */
            user: string;
            /** @description The version of loggr. */
            version: string;
            /** @description How it is known who they are: `session`, `token`, `proxy`, `loopback`. */
            via: string;
        };
        /** @description Matching events outside a range. */
        Nearest: {
            /** @description The first one after it. */
            after?: string | null;
            /** @description The last one before it. */
            before?: string | null;
        };
        /** @description Another password of one's own. */
        NewPassword: {
            /** @description The one from now on, of at least 8 characters. */
            new: string;
            /** @description The one until now. */
            old: string;
        };
        /** @description A role that is to be made or changed. */
        NewRole: {
            /** @description Who has it sees only events that this query finds. With `admin` it must be empty. */
            filter?: string | null;
            /**
             * @description Fields that who has it does not see. With `admin` there must be none.
             * @default []
             */
            hidden: string[];
            /** @description What it may: `viewer`, `operator` or `admin`. */
            level: components["schemas"]["Level"];
            /** @description Its name; where the path has it, it can be left out. */
            name?: string | null;
        };
        /** @description A token that is to be made. */
        NewToken: {
            /** @description When it ends, in RFC 3339, within 36500 days; if it is left out, never, or with the token that makes it. */
            expires?: string | null;
            /** @description What it is for: letters, digits and `-`, `_`, `.`, `@`, `+`. */
            name: string;
            /** @description The name of the role; that of the one who asks if it is left out. */
            role?: string | null;
        };
        /** @description A user who is to be made. */
        NewUser: {
            /**
             * @description They may not log in yet.
             * @default false
             */
            disabled: boolean;
            /** @description How the page calls them; the name if it is left out. */
            display?: string | null;
            /** @description They see only events that this query finds. */
            filter?: string | null;
            /**
             * @description Fields that they do not see.
             * @default []
             */
            hidden: string[];
            /** @description The name to log in with: letters, digits and `-`, `_`, `.`, `@`, `+`. */
            name: string;
            /** @description The password, of at least 8 characters; none for who is logged in by a proxy or a provider. */
            password?: string | null;
            /** @description The name of the role; that of the first user has to be `admin`. */
            role: string;
        };
        /** @description One event. */
        One: {
            event: components["schemas"]["Event"];
            /** @description The received bytes as text, where they were kept. */
            raw_text?: string | null;
            /** @description Whether its seal is good. Left out where it has none and the configuration has no key. */
            seal?: components["schemas"]["SealOf"] | null;
            /** @description The shape of its message. */
            shape: string;
            /** @description The message in pieces, and whether each of them varies. */
            shape_parts: [
                string,
                boolean
            ][];
            /** @description Where it came from and where it went. */
            way: components["schemas"]["Step"][];
        };
        /** @description A field. */
        OneField: {
            /** @description It is one that every event may have. */
            core: boolean;
            /**
             * Format: uint64
             * @description How many different values it has, where that was asked for.
             */
            distinct?: number | null;
            /** @description It has more than that; nobody counted on. */
            distinct_more: boolean;
            /**
             * Format: uint64
             * @description Events that have it.
             */
            events: number;
            /** @description What its values look like: `word`, `text`, `integer`, `float`, `ip`. */
            kind: string;
            /** @description By its name in queries. */
            name: string;
        };
        /** @description An item of one process. Queues of a broker belong to no process, because all share them. */
        OwnedBroker: {
            /**
             * @description The broker of the configuration to which the process is connected.
             * @default null
             */
            broker: string | null;
            /** @description The host of the process. */
            host?: string | null;
            /**
             * Format: uint64
             * @description Events of the spool that the broker has confirmed.
             * @default 0
             */
            moved: number;
            /**
             * @description The kind of broker.
             * @default
             */
            name: string;
            /** @description The id of the process. */
            process?: string | null;
            /**
             * Format: uint64
             * @description Bytes of the spool.
             * @default 0
             */
            spool_bytes: number;
            /**
             * Format: uint64
             * @description The limit of the spool's bytes.
             * @default 0
             */
            spool_max_bytes: number;
            /**
             * Format: uint64
             * @description Events that wait in the spool.
             * @default 0
             */
            spool_waiting: number;
            /**
             * @description Events go to the spool instead.
             * @default false
             */
            spooling: boolean;
            /**
             * @description Why it takes nothing.
             * @default null
             */
            trouble: string | null;
            /**
             * @description It takes messages.
             * @default false
             */
            up: boolean;
        };
        /** @description An item of one process. Queues of a broker belong to no process, because all share them. */
        OwnedCertificate: {
            /**
             * Format: int64
             * @description Days until then; negative behind it.
             * @default 0
             */
            days_left: number;
            /**
             * @description Until when it is valid, in RFC 3339.
             * @default
             */
            ends: string;
            /**
             * Format: int64
             * @description The same in seconds since 1970.
             * @default 0
             */
            ends_unix: number;
            /**
             * @description Its SHA-256.
             * @default
             */
            fingerprint: string;
            /** @description The host of the process. */
            host?: string | null;
            /**
             * @description Its first name.
             * @default
             */
            name: string;
            /**
             * @description Where it is shown, such as `` listener `tls` `` or `` shipper `siem` ``.
             * @default
             */
            place: string;
            /** @description The id of the process. */
            process?: string | null;
            /**
             * @description What is wrong with it, or with its files.
             * @default null
             */
            trouble: string | null;
        };
        /** @description An item of one process. Queues of a broker belong to no process, because all share them. */
        OwnedDisk: {
            /**
             * Format: uint64
             * @description Bytes that are free for loggr.
             * @default 0
             */
            free_bytes: number;
            /**
             * Format: uint64
             * @description How many more files can be made.
             * @default 0
             */
            free_files: number;
            /** @description The host of the process. */
            host?: string | null;
            /**
             * @description The first directory on it that loggr writes to.
             * @default
             */
            name: string;
            /** @description The id of the process. */
            process?: string | null;
            /**
             * Format: uint64
             * @description Bytes of the file system.
             * @default 0
             */
            size_bytes: number;
        };
        /** @description An item of one process. Queues of a broker belong to no process, because all share them. */
        OwnedExchange: {
            /**
             * Format: uint64
             * @description Commits since it was opened.
             * @default 0
             */
            commits: number;
            /**
             * Format: uint64
             * @description Events found damaged since it was opened.
             * @default 0
             */
            damaged: number;
            /**
             * Format: uint64
             * @description Bytes of its segments.
             * @default 0
             */
            disk_bytes: number;
            /** @description The host of the process. */
            host?: string | null;
            /**
             * Format: uint64
             * @description The limit of the bytes on disk.
             * @default 0
             */
            max_bytes: number;
            /**
             * @description Its name.
             * @default
             */
            name: string;
            /** @description The id of the process. */
            process?: string | null;
            /**
             * Format: uint64
             * @description Events ever published to it.
             * @default 0
             */
            published: number;
            /**
             * Format: uint
             * @description Segments in use.
             * @default 0
             */
            segments: number;
            /**
             * @description Why nothing can be published.
             * @default null
             */
            trouble: string | null;
        };
        /** @description An item of one process. Queues of a broker belong to no process, because all share them. */
        OwnedHarvest: {
            /**
             * Format: uint64
             * @description Lines that the queue holds.
             * @default 0
             */
            accepted: number;
            /**
             * Format: double
             * @description Milliseconds from reading lines until they are on disk, over the last minutes: half of the batches took
             *     no longer.
             * @default null
             */
            ack_p50_ms: number | null;
            /**
             * Format: double
             * @description The same for 99 of 100.
             * @default null
             */
            ack_p99_ms: number | null;
            /**
             * Format: uint64
             * @description Files that were taken before, and gave no events.
             * @default 0
             */
            again: number;
            /**
             * Format: uint64
             * @description Bytes of those lines.
             * @default 0
             */
            bytes: number;
            /**
             * @description The directory into which files are uploaded.
             * @default
             */
            directory: string;
            /**
             * Format: uint64
             * @description Files all of whose lines were taken.
             * @default 0
             */
            done: number;
            /**
             * @description Why it has ended.
             * @default null
             */
            ended: string | null;
            /**
             * Format: uint64
             * @description Files that went to `failed`.
             * @default 0
             */
            failed: number;
            /** @description The host of the process. */
            host?: string | null;
            /**
             * Format: uint64
             * @description Files that are being read.
             * @default 0
             */
            in_hand: number;
            /**
             * @description The last file that was taken.
             * @default null
             */
            last: components["schemas"]["HarvestedFile"] | null;
            /**
             * @description The last file that went to `failed`.
             * @default null
             */
            last_failed: components["schemas"]["HarvestedFile"] | null;
            /**
             * @description Its name in the configuration.
             * @default
             */
            name: string;
            /** @description The id of the process. */
            process?: string | null;
            /**
             * Format: uint64
             * @description Lines read; after a crash some are read again.
             * @default 0
             */
            received: number;
            /**
             * @description The bus stores nothing at the moment.
             * @default false
             */
            stalled: boolean;
            /**
             * Format: uint64
             * @description Files with temporary names.
             * @default 0
             */
            temporary: number;
            /**
             * @description Another trouble: the directory cannot be seen, or a file not be taken.
             * @default null
             */
            trouble: string | null;
            /**
             * Format: uint64
             * @description Tries with a file, or looks at the directory, that failed.
             * @default 0
             */
            troubles: number;
            /**
             * Format: uint64
             * @description Lines cut to the limit.
             * @default 0
             */
            truncated: number;
            /**
             * Format: uint64
             * @description Files that are there and were not begun: they are not complete yet, or wait for their turn.
             * @default 0
             */
            waiting: number;
        };
        /** @description An item of one process. Queues of a broker belong to no process, because all share them. */
        OwnedListener: {
            /**
             * Format: uint64
             * @description Lines that the queue holds.
             * @default 0
             */
            accepted: number;
            /**
             * Format: double
             * @description Milliseconds from reading an event until it is on disk, over the last minutes: half of the batches
             *     took no longer.
             * @default null
             */
            ack_p50_ms: number | null;
            /**
             * Format: double
             * @description The same for 99 of 100.
             * @default null
             */
            ack_p99_ms: number | null;
            /**
             * @description All its addresses.
             * @default
             */
            address: string;
            /**
             * @description Each of them.
             * @default []
             */
            addresses: string[];
            /**
             * Format: uint64
             * @description Bytes read.
             * @default 0
             */
            bytes: number;
            /**
             * @description The latest connected clients.
             * @default []
             */
            clients: components["schemas"]["Client"][];
            /**
             * Format: uint64
             * @description Connections open now.
             * @default 0
             */
            connections: number;
            /**
             * Format: uint64
             * @description Connections ever accepted.
             * @default 0
             */
            connections_total: number;
            /**
             * Format: uint64
             * @description Frames without a character.
             * @default 0
             */
            empty: number;
            /**
             * @description Why it has ended.
             * @default null
             */
            ended: string | null;
            /**
             * @description Its files, if it reads some.
             * @default null
             */
            files: components["schemas"]["Files"] | null;
            /**
             * Format: uint64
             * @description Connections refused in the handshake of TLS, or in the head of a proxy.
             * @default 0
             */
            handshakes_refused: number;
            /** @description The host of the process. */
            host?: string | null;
            /**
             * Format: uint64
             * @description Lines that were cut off by the end of their stream.
             * @default 0
             */
            incomplete: number;
            /**
             * Format: uint64
             * @description Datagrams that the kernel dropped.
             * @default 0
             */
            kernel_drops: number;
            /**
             * Format: uint64
             * @description Lines that were read, not stored, and cannot come again.
             * @default 0
             */
            lost: number;
            /**
             * @description Its name in the configuration.
             * @default
             */
            name: string;
            /** @description The id of the process. */
            process?: string | null;
            /**
             * @description Its protocol's word.
             * @default
             */
            protocol: string;
            /**
             * Format: uint64
             * @description Connections that were closed because the peer broke the rules of the protocol.
             * @default 0
             */
            protocol_errors: number;
            /**
             * Format: uint64
             * @description Lines read.
             * @default 0
             */
            received: number;
            /**
             * Format: uint64
             * @description Connections and datagrams refused.
             * @default 0
             */
            refused: number;
            /**
             * @description Peers that have sent something lately.
             * @default []
             */
            senders: components["schemas"]["Sender"][];
            /**
             * @description The bus stores nothing at the moment.
             * @default false
             */
            stalled: boolean;
            /**
             * @description Another trouble.
             * @default null
             */
            trouble: string | null;
            /**
             * Format: uint64
             * @description Lines cut to the limit.
             * @default 0
             */
            truncated: number;
        };
        /** @description An item of one process. Queues of a broker belong to no process, because all share them. */
        OwnedMachine: {
            /**
             * @description The exchange that it publishes to.
             * @default
             */
            destination: string;
            /**
             * Format: uint64
             * @description Events dropped by a rule.
             * @default 0
             */
            dropped: number;
            /**
             * @description Why it has ended.
             * @default null
             */
            ended: string | null;
            /**
             * @description The destination exchange takes nothing at the moment.
             * @default false
             */
            failing: boolean;
            /**
             * Format: uint64
             * @description Tries to publish that failed.
             * @default 0
             */
            failures: number;
            /**
             * @description The file of its filter.
             * @default null
             */
            filter: string | null;
            /**
             * @description What is wrong with a changed filter that is not in use.
             * @default null
             */
            filter_error: string | null;
            /** @description The host of the process. */
            host?: string | null;
            /**
             * Format: uint64
             * @description Events that became part of another one.
             * @default 0
             */
            merged: number;
            /**
             * @description Its name in the configuration.
             * @default
             */
            name: string;
            /**
             * @description Its packers, in their order.
             * @default []
             */
            packers: components["schemas"]["Packer"][];
            /**
             * Format: uint64
             * @description Events at which the filter panicked.
             * @default 0
             */
            panics: number;
            /** @description The id of the process. */
            process?: string | null;
            /**
             * @description The queue that it takes from.
             * @default
             */
            queue: string;
            /**
             * Format: uint64
             * @description Events that it has taken from its queue.
             * @default 0
             */
            received: number;
            /**
             * Format: uint64
             * @description Events that went to the rescue.
             * @default 0
             */
            rescued: number;
            /**
             * @description What the rules of its filter did.
             * @default []
             */
            rules: components["schemas"]["Rule"][];
            /**
             * Format: uint64
             * @description Events that the next queue holds.
             * @default 0
             */
            stored: number;
        };
        /** @description An item of one process. Queues of a broker belong to no process, because all share them. */
        OwnedQueue: {
            /**
             * @description Its binding key.
             * @default
             */
            binding: string;
            /**
             * @description False if the configuration does not name it.
             * @default false
             */
            configured: boolean;
            /**
             * Format: uint64
             * @description Events dropped by a rule.
             * @default 0
             */
            dropped: number;
            /**
             * @description The exchange that it is bound to, or `spool`.
             * @default
             */
            exchange: string;
            /** @description The host of the process. */
            host?: string | null;
            /**
             * Format: uint64
             * @description Events handed out and not settled.
             * @default 0
             */
            leased: number;
            /**
             * @description Its name; of one that is not configured, `EXCHANGE/QUEUE`.
             * @default
             */
            name: string;
            /** @description The id of the process. */
            process?: string | null;
            /**
             * Format: uint64
             * @description Events handed out again.
             * @default 0
             */
            redelivered: number;
            /**
             * Format: uint64
             * @description Events that are in the rescue now.
             * @default 0
             */
            rescued: number;
            /**
             * Format: uint64
             * @description Events stored.
             * @default 0
             */
            stored: number;
        } | {
            /**
             * Format: uint64
             * @description Consumers of all processes.
             */
            consumers: number;
            /**
             * Format: uint64
             * @description Messages that wait.
             */
            ready_messages: number;
        } | components["schemas"]["QueueOnDisk"];
        /** @description An item of one process. Queues of a broker belong to no process, because all share them. */
        OwnedSeals: {
            /**
             * Format: uint64
             * @description Events that came with a broken seal.
             * @default 0
             */
            broken: number;
            /**
             * Format: uint64
             * @description Events that came with a good seal.
             * @default 0
             */
            good: number;
            /** @description The host of the process. */
            host?: string | null;
            /**
             * @description `listener`, `machine` or `ship`.
             * @default
             */
            kind: string;
            /**
             * @description The name of the listener, machine or shipper.
             * @default
             */
            name: string;
            /** @description The id of the process. */
            process?: string | null;
            /**
             * Format: uint64
             * @description Events that went to the rescue because a good seal is required.
             * @default 0
             */
            refused: number;
            /**
             * Format: uint64
             * @description Events that were sealed there.
             * @default 0
             */
            signed: number;
            /**
             * Format: uint64
             * @description Events that came without a seal.
             * @default 0
             */
            unsealed: number;
        };
        /** @description An item of one process. Queues of a broker belong to no process, because all share them. */
        OwnedShip: {
            /**
             * Format: double
             * @description Milliseconds from taking an event out of the queue until it is stored, over the last minutes: half of
             *     the batches took no longer.
             * @default null
             */
            ack_p50_ms: number | null;
            /**
             * Format: double
             * @description The same for 99 of 100.
             * @default null
             */
            ack_p99_ms: number | null;
            /**
             * Format: uint64
             * @description Events that its `if` does not choose.
             * @default 0
             */
            dropped: number;
            /**
             * @description Why it has ended.
             * @default null
             */
            ended: string | null;
            /**
             * @description The destination takes nothing.
             * @default false
             */
            failing: boolean;
            /**
             * Format: uint64
             * @description Tries that failed.
             * @default 0
             */
            failures: number;
            /** @description What one tells that hands events on to other servers. */
            forward?: components["schemas"]["Forward"] | null;
            /** @description The host of the process. */
            host?: string | null;
            /**
             * @description Its kind's word.
             * @default
             */
            kind: string;
            /**
             * @description The last error of the destination.
             * @default null
             */
            last_error: string | null;
            /**
             * @description Its name in the configuration.
             * @default
             */
            name: string;
            /** @description The id of the process. */
            process?: string | null;
            /**
             * @description The queue that it takes from.
             * @default
             */
            queue: string;
            /**
             * Format: uint64
             * @description Events that went to the rescue.
             * @default 0
             */
            rescued: number;
            /**
             * Format: uint64
             * @description Events stored.
             * @default 0
             */
            stored: number;
        };
        /** @description An item of one process. Queues of a broker belong to no process, because all share them. */
        OwnedStore: {
            /**
             * Format: uint64
             * @description Bytes on disk.
             */
            bytes?: number;
            /** @description Why retention drops nothing. */
            clock?: string | null;
            /**
             * Format: uint
             * @description Damaged files.
             */
            damaged?: number;
            /** @description The first of them. */
            damaged_files?: components["schemas"]["DamagedFile"][];
            /**
             * Format: uint64
             * @description Days that hold events.
             */
            days?: number;
            /**
             * Format: uint64
             * @description Events that retention has dropped, ever.
             */
            dropped?: number;
            /**
             * Format: uint64
             * @description Events.
             */
            events?: number;
            /**
             * Format: uint64
             * @description Data files.
             */
            files?: number;
            /** @description The host of the process. */
            host?: string | null;
            /**
             * @description Its kind's word.
             * @default
             */
            kind: string;
            /**
             * @description The shipper that writes it.
             * @default
             */
            name: string;
            /** @description When its newest event was received. */
            newest?: string | null;
            /**
             * Format: int64
             * @description The same in seconds since 1970.
             */
            newest_unix?: number | null;
            /** @description When its oldest event was received, in RFC 3339. */
            oldest?: string | null;
            /**
             * Format: int64
             * @description The same in seconds since 1970.
             */
            oldest_unix?: number | null;
            /** @description The id of the process. */
            process?: string | null;
            /**
             * Format: uint64
             * @description Events that were purged, ever.
             */
            purged?: number;
            /**
             * @description What is wrong with it.
             * @default null
             */
            trouble: string | null;
        };
        /** @description A packer of a machine. */
        Packer: {
            /**
             * Format: uint64
             * @description Groups passed on because of their age.
             * @default 0
             */
            by_age: number;
            /**
             * Format: uint64
             * @description Groups passed on because the window was full, or the process stopped.
             * @default 0
             */
            by_flush: number;
            /**
             * Format: uint64
             * @description Groups passed on because of a limit.
             * @default 0
             */
            by_limit: number;
            /**
             * Format: uint64
             * @description Events that it holds.
             * @default 0
             */
            held: number;
            /**
             * Format: uint64
             * @description Events that became part of another.
             * @default 0
             */
            merged: number;
            /**
             * @description Its name in the configuration.
             * @default
             */
            name: string;
            /**
             * Format: uint64
             * @description Events that were made of several.
             * @default 0
             */
            packed: number;
            /**
             * Format: uint64
             * @description Events at which it panicked.
             * @default 0
             */
            panics: number;
        };
        /** @description A page of events. */
        Page: {
            /** @description Where the next page begins; null where nothing more can come. */
            cursor?: string | null;
            /** @description In the order asked for. */
            events: components["schemas"]["Event"][];
            /** @description For each event the places in its message that were searched for, in UTF-16 code units. */
            matches?: [
                number,
                number
            ][][] | null;
            /** @description There may be more. */
            more: boolean;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description What was left out and why. */
            warnings: string[];
        };
        /** @description A query that was read, or what is wrong with it. */
        Parsed: {
            /** @description The same query in the words of the reference. */
            canonical?: string | null;
            /** @description What is wrong, and where. */
            error?: components["schemas"]["Problem"] | null;
            /** @description The fields that it names. */
            fields: string[];
            /** @description It can be asked. */
            ok: boolean;
            /** @description Its parts, in order; what lies between them is space. */
            tokens: components["schemas"]["Token"][];
            /** @description Custom fields that it names and no event has. */
            unknown: components["schemas"]["Unknown"][];
        };
        /** @description A shape. */
        Pattern: {
            /**
             * Format: uint64
             * @description Events that have it.
             */
            events: number;
            /** @description The newest of its events. */
            example?: components["schemas"]["Example"] | null;
            /** @description When the first of them was received. */
            first: string;
            /** @description When the last of them was received. */
            last: string;
            /** @description The message of the example in pieces, and whether each of them varies. */
            parts: [
                string,
                boolean
            ][];
            /** @description Events by severity. */
            severities: {
                [key: string]: number;
            };
            /** @description Its name; `shape:NAME` in a query finds its events. */
            shape: string;
            /** @description Events in equal parts of the range. */
            sparkline: number[];
            /** @description The words of the shape, with a mark for what varies. */
            text: string;
        };
        /** @description Matching events by the shape of their message. */
        Patterns: {
            /**
             * Format: uint64
             * @description How many different shapes there are.
             */
            distinct: number;
            /**
             * Format: uint64
             * @description All matching events.
             */
            matched: number;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The most frequent first. */
            patterns: components["schemas"]["Pattern"][];
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /**
             * Format: uint64
             * @description Events of shapes that were too many to be counted one by one.
             */
            rest: number;
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description What was left out and why. */
            warnings: string[];
        };
        Problem: {
            /** @description What went wrong, for programs. */
            code: string;
            /** @description Where a query cannot be read, from 1. */
            column?: number;
            /** @description A sentence that says what failed and why. */
            detail: string;
            /** @description What to do. */
            hint?: string;
            hints?: string[];
            /** @description How many of them cannot be read. */
            length?: number;
            /** @description How many lines of an upload were taken. */
            lines?: number;
            login?: components["schemas"]["LoginWays"];
            /** @description The same in UTF-16 code units, from 0. */
            offset?: number;
            parameter?: string;
            /** @description The number under which the log has more. */
            request?: string;
            status: number;
            title: string;
            type: string;
        };
        /** @description A process of an installation. */
        ProcessStatus: {
            /**
             * @description The word behind `loggr run`, or `all`.
             * @default null
             */
            component: string | null;
            /**
             * @description The directory that it works on.
             * @default null
             */
            data_directory: string | null;
            /**
             * @description The host's name.
             * @default null
             */
            host: string | null;
            /**
             * @description `HOST:PART:DIRECTORY`, so that a process that starts again takes its own place.
             * @default
             */
            id: string;
            /**
             * @description The name behind that word.
             * @default null
             */
            name: string | null;
            /**
             * Format: uint32
             * @description Its process id on that host.
             * @default null
             */
            pid: number | null;
            /**
             * @description Its user, the capabilities that it has kept, and where it is confined to.
             * @default null
             */
            privileges: string | null;
            /**
             * Format: uint64
             * @description Seconds since it was last heard of.
             */
            seen_seconds: number;
            /**
             * @description When it started, in RFC 3339.
             * @default null
             */
            started: string | null;
            /** @description How it is doing. */
            state: components["schemas"]["State"];
            /**
             * Format: uint64
             * @description Seconds since the start.
             */
            uptime_seconds?: number | null;
            /**
             * @description The program's version.
             * @default null
             */
            version: string | null;
        };
        /** @description The numbers of a queue on our own disk, which are durable. */
        QueueOnDisk: {
            /**
             * Format: uint32
             * @description How often the process has ended while the event at its head was worked on.
             * @default 0
             */
            attempts: number;
            /**
             * @description Whether its numbers add up.
             * @default false
             */
            balanced: boolean;
            /**
             * Format: uint64
             * @description Events lost to damage.
             * @default 0
             */
            damaged: number;
            /**
             * Format: double
             * @description How long the oldest has waited.
             * @default null
             */
            oldest_seconds: number | null;
            /**
             * Format: uint64
             * @description Events that it was given, ever.
             * @default 0
             */
            received: number;
            /**
             * @description Why it cannot be read.
             * @default null
             */
            trouble: string | null;
            /**
             * Format: uint64
             * @description Events that wait or are being stored.
             * @default 0
             */
            waiting: number;
            /**
             * Format: uint64
             * @description Bytes of the waiting events.
             * @default 0
             */
            waiting_bytes: number;
        };
        /** @description From a moment until before another one; an open end is null. */
        Range: {
            /** @description The first moment of the range, in RFC 3339. */
            from?: string | null;
            /** @description The first moment behind it. */
            to?: string | null;
        };
        /** @description The registry of an installation. */
        Registry: {
            /** @description `embedded` or `redis`. */
            kind: string;
            /** @description Why others may be missing. */
            problem?: string | null;
            /** @description The address of the server, if it is one. */
            server?: string | null;
        };
        /** @description What became of events that were offered again. */
        Replayed: {
            /**
             * @description Why the last of them.
             * @default null
             */
            reason: string | null;
            /**
             * Format: uint
             * @description Events that it refused once more; they stay.
             * @default 0
             */
            refused: number;
            /**
             * Format: uint64
             * @description Events that their destination has taken.
             * @default 0
             */
            replayed: number;
        };
        /** @description Entries, and how many there are for each reason. */
        Rescued: {
            /** @description Of the first page alone. */
            by_reason: components["schemas"]["Sum"][];
            cursor?: string | null;
            entries: components["schemas"]["Entry"][];
            /** @description There are more entries than were summed up. */
            partial: boolean;
        };
        /** @description A role. */
        Role: {
            /** @description It stays as it is. */
            built_in: boolean;
            /** @description Who has it sees only events that this query finds. */
            filter?: string | null;
            /** @description Fields that who has it does not see. */
            hidden: string[];
            /** @description What it may: `viewer`, `operator` or `admin`. */
            level: components["schemas"]["Level"];
            /** @description Its name. */
            name: string;
            /** @description Why nobody who has it sees anything until it is changed; null: it is in order. */
            trouble?: string | null;
        };
        /** @description All roles. */
        Roles: {
            /** @description The built-in ones first. */
            roles: components["schemas"]["Role"][];
        };
        /** @description A rule of a machine's filter. */
        Rule: {
            /**
             * Format: uint64
             * @description Events on which the rule acted.
             * @default 0
             */
            did: number;
            /**
             * Format: uint64
             * @description Events for which the rule failed.
             * @default 0
             */
            failed: number;
            /**
             * Format: uint64
             * @description The line of the filter.
             * @default 0
             */
            line: number;
            /**
             * Format: uint64
             * @description The mean time of one of them.
             * @default null
             */
            mean_nanos: number | null;
            /**
             * Format: uint64
             * @description The time of the measured events, in nanoseconds.
             * @default 0
             */
            nanos: number;
            /**
             * Format: uint64
             * @description Events that reached the rule.
             * @default 0
             */
            reached: number;
            /**
             * @description Its text.
             * @default
             */
            rule: string;
            /**
             * Format: uint64
             * @description Events for which the time was measured.
             * @default 0
             */
            timed: number;
        };
        /** @description A saved search. */
        SavedSearch: {
            /**
             * @description The columns that are shown beside the usual ones.
             * @default []
             */
            cols: string[];
            /**
             * @description Where the range begins, as it was written: `now-1h`.
             * @default
             */
            from: string;
            /** @description It is of the one who asks, who may change it. */
            mine: boolean;
            /**
             * @description How it is called.
             * @default
             */
            name: string;
            /** @description Who saved it; null: it was saved while there were no users, and everybody sees it. */
            owner?: string | null;
            /**
             * @description The query.
             * @default
             */
            q: string;
            /** @description Who asks may remove it: it is theirs, or they administer and it is shared. */
            removable: boolean;
            /**
             * @description Everybody may see it.
             * @default false
             */
            shared: boolean;
            /**
             * @description It is what its owner sees first.
             * @default false
             */
            start: boolean;
            /**
             * @description Where it ends.
             * @default
             */
            to: string;
            /**
             * @description How it is shown: `explore` or `patterns`.
             * @default explore
             */
            view: components["schemas"]["View"];
        };
        /** @description Whether the seal of an event is good. */
        SealOf: {
            /** @description The `id` of the key with which it was sealed, where the seal is good. */
            key?: string | null;
            /**
             * @description `good`; `broken`, where the event was changed after it was sealed or no key here fits; `unsealed`;
             *     `no_key`, where it has a seal and the configuration has no key to check it with.
             */
            verdict: string;
        };
        /** @description A search that somebody keeps. */
        Search: {
            /**
             * @description The columns that are shown beside the usual ones.
             * @default []
             */
            cols: string[];
            /**
             * @description Where the range begins, as it was written: `now-1h`.
             * @default
             */
            from: string;
            /**
             * @description How it is called.
             * @default
             */
            name: string;
            /**
             * @description The query.
             * @default
             */
            q: string;
            /**
             * @description Everybody may see it.
             * @default false
             */
            shared: boolean;
            /**
             * @description It is what its owner sees first.
             * @default false
             */
            start: boolean;
            /**
             * @description Where it ends.
             * @default
             */
            to: string;
            /**
             * @description How it is shown: `explore` or `patterns`.
             * @default explore
             */
            view: components["schemas"]["View"];
        };
        /** @description A peer that sends to a listener. */
        Sender: {
            /**
             * Format: double
             * @description When something came from there last, in seconds since 1970.
             * @default 0
             */
            last_seen: number;
            /**
             * @description Its address.
             * @default
             */
            name: string;
        };
        /** @description One of two ranges. */
        Side: {
            /**
             * Format: uint64
             * @description Matching events in it.
             */
            events: number;
            /** @description The first moment of the range, in RFC 3339. */
            from?: string | null;
            /** @description The first moment behind it. */
            to?: string | null;
        };
        /** @description How a process is doing, as far as is known. */
        State: "running" | "late" | "lost";
        /** @description What a query looked at. */
        Stats: {
            /**
             * Format: uint64
             * @description Groups of rows whose index was asked.
             */
            groups: number;
            /**
             * Format: uint64
             * @description Groups of rows of which columns were read.
             */
            groups_read: number;
            /**
             * Format: uint64
             * @description Events that matched in what was looked at.
             */
            matched: number;
            /**
             * Format: uint64
             * @description Milliseconds from the question to the answer.
             */
            ms: number;
        };
        /** @description What is so, and what of it is wrong. */
        Status: {
            /** @description Roles and users whom nothing is shown until they are changed, each with the reason. */
            access_troubles?: string[];
            /**
             * @description The broker, as each process sees it.
             * @default []
             */
            brokers: components["schemas"]["OwnedBroker"][];
            /**
             * @description The certificates that are shown.
             * @default []
             */
            certificates: components["schemas"]["OwnedCertificate"][];
            /** @default null */
            component: string | null;
            /**
             * @description The directory that it works on.
             * @default null
             */
            data_directory: string | null;
            /**
             * @description The disks that are written to.
             * @default []
             */
            disks: components["schemas"]["OwnedDisk"][];
            /**
             * @description The logs of the buses.
             * @default []
             */
            exchanges: components["schemas"]["OwnedExchange"][];
            /**
             * @description The harvests.
             * @default []
             */
            harvests: components["schemas"]["OwnedHarvest"][];
            /** @default null */
            host: string | null;
            /**
             * @description The listeners.
             * @default []
             */
            listeners: components["schemas"]["OwnedListener"][];
            /**
             * @description The machines.
             * @default []
             */
            machines: components["schemas"]["OwnedMachine"][];
            /** @default null */
            name: string | null;
            /**
             * Format: uint32
             * @description Its process id.
             * @default null
             */
            pid: number | null;
            /** @description Why the queues cannot be read. */
            problem?: string | null;
            /**
             * @description All processes, those that run first.
             * @default []
             */
            processes: components["schemas"]["ProcessStatus"][];
            /**
             * @description The queues.
             * @default []
             */
            queues: components["schemas"]["OwnedQueue"][];
            /**
             * @description The registry.
             * @default null
             */
            registry: components["schemas"]["Registry"] | null;
            /**
             * @description Events in the rescue, by the sink that refused them.
             * @default {}
             */
            rescue: {
                [key: string]: number;
            };
            /** @description Why the rescue cannot be used. */
            rescue_trouble?: string | null;
            /**
             * @description Whether a process runs.
             * @default false
             */
            running: boolean;
            /**
             * @description What listeners, machines and shippers have found of seals.
             * @default []
             */
            seals: components["schemas"]["OwnedSeals"][];
            /**
             * @description The shippers.
             * @default []
             */
            ships: components["schemas"]["OwnedShip"][];
            /** @default null */
            started: string | null;
            /**
             * @description The stores.
             * @default []
             */
            stores: components["schemas"]["OwnedStore"][];
            /**
             * @description Sums over all queues.
             * @default {
             *       "balanced": true,
             *       "damaged": 0,
             *       "dropped": 0,
             *       "events": 0,
             *       "in_hand": 0,
             *       "ready_messages": 0,
             *       "received": 0,
             *       "rescued": 0,
             *       "stored": 0,
             *       "waiting": 0
             *     }
             */
            totals: components["schemas"]["Totals"];
            /** @description In sentences; none if all is well. */
            troubles: string[];
            /**
             * Format: uint64
             * @description Seconds since the start.
             * @default null
             */
            uptime_seconds: number | null;
            /**
             * @description The program's version.
             * @default null
             */
            version: string | null;
        };
        /** @description A station on the way of an event. */
        Step: {
            /** @description When, if that is known. */
            at?: string | null;
            /** @description What else is known of it. */
            detail?: string | null;
            /** @description Where: a host, a listener, an exchange, a machine, a shipper. */
            name: string;
            /** @description `done`, `rescued`, or `unknown` where nobody can know it. */
            state: string;
            /** @description `reported`, `received`, `published`, `filtered`, `packed`, `stored` or `forwarded`. */
            step: string;
        };
        /** @description What is there for one reason. */
        Sum: {
            /**
             * Format: uint64
             * @description Entries.
             */
            entries: number;
            /**
             * Format: uint64
             * @description Their events.
             */
            events: number;
            /** @description Why. */
            reason: string;
            /** @description Whose. */
            sink: string;
        };
        /** @description A server to which events are handed on. */
        Target: {
            /**
             * @description Host and port.
             * @default
             */
            address: string;
            /**
             * Format: int64
             * @description Days until then; negative behind it.
             * @default null
             */
            certificate_days_left: number | null;
            /**
             * @description Until when its certificate is valid, in RFC 3339, while there is a connection.
             * @default null
             */
            certificate_ends: string | null;
            /**
             * @description Where compression is asked for, what the target says to it: `zstd`, or that it does not offer it.
             * @default null
             */
            compression: string | null;
            /**
             * Format: uint64
             * @description The same as they would be without compression.
             * @default 0
             */
            plain_bytes: number;
            /**
             * Format: uint64
             * @description Events that it has refused.
             * @default 0
             */
            refused: number;
            /**
             * Format: uint64
             * @description Events that it has taken.
             * @default 0
             */
            sent: number;
            /**
             * Format: uint64
             * @description Bytes that were sent over RELP.
             * @default 0
             */
            sent_bytes: number;
            /**
             * @description Since when, in RFC 3339.
             * @default null
             */
            since: string | null;
            /**
             * @description `in use`; `waiting`, while another one gets the events; `failing`; `unused`, before the first event.
             * @default
             */
            state: string;
            /**
             * @description With TLS, the name that its certificate is for, and the version; or that there is no connection.
             * @default null
             */
            tls: string | null;
            /**
             * @description Why it takes nothing.
             * @default null
             */
            trouble: string | null;
            /**
             * Format: uint64
             * @description Events that it has taken without an answer (TCP, UDP).
             * @default 0
             */
            unacknowledged: number;
        };
        /** @description A term of the query. */
        Term: {
            /**
             * Format: uint64
             * @description Events that it finds by itself.
             */
            alone: number;
            /** @description As it is written in the query. */
            text: string;
            /**
             * Format: uint64
             * @description Events that the others find without it.
             */
            without: number;
        };
        /** @description A part of a query's text. */
        Token: {
            /**
             * Format: uint
             * @description Where it begins, in UTF-16 code units.
             */
            from: number;
            /** @description What it is. */
            kind: string;
            /**
             * Format: uint
             * @description Where it ends.
             */
            to: number;
        };
        /** @description A token, without its secret. */
        Token2: {
            /** @description When it was made. */
            created: string;
            /** @description When it ends; null: never. */
            expires?: string | null;
            /** @description Names it. */
            id: string;
            /** @description The id of the token that made it, if one did. */
            maker?: string | null;
            /** @description What it is for. */
            name: string;
            /** @description It has ended. */
            over: boolean;
            /** @description The user whose token it is; null: nobody's. */
            owner?: string | null;
            /** @description The name of the role. */
            role: string;
            /** @description When it was last used. */
            used?: string | null;
        };
        /** @description Tokens. */
        Tokens: {
            /** @description In the order in which they were made. */
            tokens: components["schemas"]["Token2"][];
        };
        /** @description The most frequent values of a field. */
        Top: {
            /**
             * Format: uint64
             * @description How many different values there are.
             */
            distinct: number;
            /** @description The field, by its name in queries. */
            field: string;
            /**
             * Format: uint64
             * @description All matching events.
             */
            matched: number;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description The most frequent first. */
            values: components["schemas"]["Value"][];
            /** @description What was left out and why. */
            warnings: string[];
            /**
             * Format: uint64
             * @description Events that have the field.
             */
            with_field: number;
        };
        /**
         * @description Sums over queues, in which an event that goes to two queues counts twice, as it has to be stored twice;
         *     and over exchanges, in which it counts once. Of a broker's queues only the events in hand are known.
         */
        Totals: {
            /**
             * @description Whether the numbers of each queue add up.
             * @default true
             */
            balanced: boolean;
            /**
             * Format: uint64
             * @description Events lost to damage.
             * @default 0
             */
            damaged: number;
            /**
             * Format: uint64
             * @description Events dropped by a rule.
             * @default 0
             */
            dropped: number;
            /**
             * Format: uint64
             * @description Events published to exchanges on our own disk, whichever queues they go to: each counts once in each
             *     exchange that it passes.
             * @default 0
             */
            events: number;
            /**
             * Format: uint64
             * @description Events of the broker's queues that processes have in hand.
             * @default 0
             */
            in_hand: number;
            /**
             * Format: uint64
             * @description Messages that wait on the broker.
             * @default 0
             */
            ready_messages: number;
            /**
             * Format: uint64
             * @description Events given to the queues, once for each queue; what the equation begins with.
             * @default 0
             */
            received: number;
            /**
             * Format: uint64
             * @description Events in the rescue.
             * @default 0
             */
            rescued: number;
            /**
             * Format: uint64
             * @description Events stored.
             * @default 0
             */
            stored: number;
            /**
             * Format: uint64
             * @description Events that wait.
             * @default 0
             */
            waiting: number;
        };
        /** @description What a queue counts. */
        Unit: "events" | "messages";
        /** @description A field that no event has. */
        Unknown: {
            field: string;
            /** @description What was probably meant. */
            suggestion?: string | null;
        };
        /** @description A field that no event has. */
        Unknown2: {
            field: string;
            /** @description What was probably meant. */
            suggestion?: string | null;
        };
        /** @description A user. */
        User: {
            /** @description When the user was made. */
            created: string;
            /** @description They may not log in. */
            disabled: boolean;
            /** @description How the page calls them. */
            display: string;
            /** @description They see only events that this query finds, beside what the role sees. */
            filter?: string | null;
            /** @description Fields that they do not see. */
            hidden: string[];
            /** @description The name to log in with. */
            name: string;
            /** @description They have a password; else a proxy or a provider logs them in. */
            password: boolean;
            /** @description The name of the role. */
            role: string;
            /**
             * Format: uint
             * @description In how many browsers they are logged in.
             */
            sessions: number;
        };
        /** @description What is to be changed of a user. */
        UserChange: {
            /** @description May they no longer log in? A change ends all their sessions. */
            disabled?: boolean | null;
            /** @description How the page calls them. */
            display?: string | null;
            /** @description Another filter; an empty one takes it away. */
            filter?: string | null;
            /** @description The fields that they do not see from now on. */
            hidden?: string[] | null;
            /** @description Another password; it ends all their sessions. */
            password?: string | null;
            /** @description Another role; it ends all their sessions. */
            role?: string | null;
        };
        /** @description All users. */
        Users: {
            /** @description In the order in which they were made. */
            users: components["schemas"]["User"][];
        };
        /** @description A value. */
        Value: {
            /**
             * Format: uint64
             * @description Events that have it.
             */
            events: number;
            value: string;
        };
        /** @description The seals of matching events. */
        Verified: {
            /**
             * Format: uint64
             * @description Those with a broken seal.
             */
            broken: number;
            /** @description Each event with a broken seal. */
            broken_events: components["schemas"]["Broken"][];
            /** @description Where the next answer goes on; null where all were looked at. */
            cursor?: string | null;
            /**
             * Format: uint64
             * @description Events that were looked at.
             */
            events: number;
            /**
             * Format: uint64
             * @description Those with a good seal.
             */
            good: number;
            /** @description Events with a good seal, by the `id` of the key that fits. */
            keys: {
                [key: string]: number;
            };
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /**
             * Format: uint64
             * @description Those without a seal.
             */
            unsealed: number;
            /** @description What was left out and why. */
            warnings: string[];
        };
        /** @description How a search is shown. */
        View: "explore" | "patterns";
        /** @description Which entries are meant. */
        Which: {
            /** @description One entry. */
            id?: string | null;
            /** @description All that are there for this reason; with neither, all of the sink. */
            reason?: string | null;
            /** @description Whose. */
            sink: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getCompare: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description The range to compare with begins here; if it is left out, it has the same length and ends where the other begins. */
                before_from?: string;
                /** @description The range to compare with ends here. */
                before_to?: string;
                /** @description With `1` the range that was asked for is left out of the range to compare with: a spike against what is around it. If `before_from` and `before_to` are left out, that is its own length on both sides. */
                exclude?: "0" | "1" | "false" | "true";
                /** @description At most so many changes. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Comparison"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getContext: {
        parameters: {
            query: {
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description The uid of the event in the middle. */
                uid: string;
                /** @description Events of the same host; of the same host and program; or all events. */
                same?: "host" | "app" | "all";
                /** @description At most so many older events. */
                before?: number;
                /** @description At most so many newer events. */
                after?: number;
                /** @description Only older events behind this place, and no newer ones. */
                cursor_before?: string;
                /** @description Only newer events behind this place, and no older ones. */
                cursor_after?: string;
                /** @description So many characters of each message are sent; one that is longer tells its length in `message_cut`. */
                max_message?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Context"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getCount: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Count"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getEventUid: {
        parameters: {
            query?: {
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description So many characters of each message are sent; one that is longer tells its length in `message_cut`. */
                max_message?: number;
            };
            header?: never;
            path: {
                /** @description The uid of the event. */
                uid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["One"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getExplainNothing: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Explained"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getExport: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description A JSON object a line, CSV, or a line of text. */
                format?: "ndjson" | "csv" | "text";
                /** @description The fields of a CSV file, with commas between them. */
                columns?: string;
                /** @description Which events come first. */
                order?: "newest" | "oldest";
                /** @description At most so many events. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": unknown;
                    "text/csv; charset=utf-8": unknown;
                    "text/plain; charset=utf-8": unknown;
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getFields: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description With `1` the number of different values of the first 200 fields is told, exactly up to 10,000. It takes longer. */
                distinct?: "0" | "1" | "false" | "true";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Fields"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getHistogram: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description Counts by the values of this field; by severity if it is left out. */
                by?: string;
                /** @description So many of the most frequent values have counts of their own. */
                values?: number;
                /** @description About so many bars. */
                buckets?: number;
                /** @description The width of a bar; it goes before `buckets`. */
                width?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Histogram"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postLogin: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Login"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postLoginLink: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FirstLogin"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getLoginOidc: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description To another page. */
            303: {
                headers: {
                    /** @description Where to. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getLoginOidcReturn: {
        parameters: {
            query?: {
                /** @description What the log-in began with. */
                state?: string;
                /** @description What the provider gives for who has logged in there. */
                code?: string;
                /** @description Why nobody has. */
                error?: string;
                /** @description The same in a sentence. */
                error_description?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description To another page. */
            303: {
                headers: {
                    /** @description Where to. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postLogout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postLogoutAll: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getMe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postMePassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPassword"];
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getNotifications: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": unknown;
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getOpenapiJson: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getParse: {
        parameters: {
            query?: {
                /** @description The query. */
                q?: string;
                /** @description The shipper in whose store its fields are looked for. */
                store?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Parsed"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getPatterns: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description At most so many shapes, the most frequent ones. */
                limit?: number;
                /** @description In so many equal parts of the range each shape is counted. */
                buckets?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Patterns"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getQueuesNamePeek: {
        parameters: {
            query?: {
                /** @description At most so many events. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The name of the queue. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Oldest first. */
                        events: components["schemas"]["Event"][];
                    };
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postQueuesNamePurge: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of the queue. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Dropped"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getRescue: {
        parameters: {
            query?: {
                /** @description Only what is of this shipper or machine. */
                sink?: string;
                /** @description Only what is there for this reason. */
                reason?: string;
                /** @description At most so many entries. */
                limit?: number;
                /** @description The `cursor` of the page before: this page goes on behind it. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rescued"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postRescueDiscard: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Which"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Discarded"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postRescueReplay: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Which"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Replayed"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getRoles: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Roles"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postRoles: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewRole"];
            };
        };
        responses: {
            /** @description The answer. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Role"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    putRolesName: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of the role. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewRole"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Role"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteRolesName: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of the role. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSaved: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Listed"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postSaved: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Search"];
            };
        };
        responses: {
            /** @description The answer. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SavedSearch"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    putSavedName: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of the saved search. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Search"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SavedSearch"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteSavedName: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of the saved search. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSearch: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description At most so many events. */
                limit?: number;
                /** @description The `cursor` of the page before: this page goes on behind it. */
                cursor?: string;
                /** @description Which events come first. */
                order?: "newest" | "oldest";
                /** @description Tells where the message of each event has what was searched for. */
                highlight?: "0" | "1" | "false" | "true";
                /** @description So many characters of each message are sent; one that is longer tells its length in `message_cut`. */
                max_message?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSpan: {
        parameters: {
            query?: {
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Extent"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getStatus: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getStatusFeed: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": unknown;
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getTail: {
        parameters: {
            query?: {
                /** @description The query; an empty one follows everything. */
                q?: string;
                /** @description The shipper whose store is followed. */
                store?: string;
                /** @description At most so many events a second; of what else comes only the number is told. */
                rate?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": unknown;
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getTokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tokens"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postTokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewToken"];
            };
        };
        responses: {
            /** @description The answer. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MadeToken"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteTokensId: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of the token, which is not its secret. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getTop: {
        parameters: {
            query: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description The field. */
                field: string;
                /** @description At most so many values. */
                limit?: number;
                /** @description Only values that begin with it, in any case. */
                prefix?: string;
                /** @description Only values that hold it, in any case. */
                contains?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Top"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postUpload: {
        parameters: {
            query?: {
                /** @description What the file is called; its events say it as a part of `peer`. */
                name?: string;
                /** @description The exchange to which its lines are published; if it is left out, that of the first listener. */
                exchange?: string;
                /** @description What the lines look like; with `auto` loggr looks at each of them. */
                format?: "auto" | "rfc5424" | "rfc3164" | "json";
                /** @description The host of lines that name none. */
                host?: string;
                /** @description The program of lines that name none. */
                app?: string;
                /** @description The year of times that are written without one; with 0 or without it, the latest that is possible. */
                year?: number;
                /** @description The time zone of times that are written without one, for example `Europe/Berlin` or `+02:00`; if it is left out, that of the first listener. */
                timezone?: string;
                /** @description So many lines at the beginning are left out; for a file of which an earlier upload has taken so many. */
                skip?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": unknown;
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": unknown;
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getUsers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Users"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postUsers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewUser"];
            };
        };
        responses: {
            /** @description The answer. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteUsersName: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of the user. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    patchUsersName: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of the user. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserChange"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postUsersNameLogout: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of the user. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EndedSessions"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getValues: {
        parameters: {
            query: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description The field. */
                field: string;
                /** @description At most so many values. */
                limit?: number;
                /** @description Only values that begin with it, in any case. */
                prefix?: string;
                /** @description Only values that hold it, in any case. */
                contains?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Top"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getVerify: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description At most so many events are looked at, the newest first. */
                limit?: number;
                /** @description The `cursor` of the answer before: this one goes on behind it. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verified"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
