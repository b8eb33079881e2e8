%% Children under a supervisor of OTP, each behind a port, restarted without a wait and without an end.
%%
%%     erl -noshell -run ports main COUNT PROGRAM ARGUMENT...
%%
%% It talks to the session by single letters, see floor.c. The supervisor is a dynamic one (simple_one_for_one), which
%% stops all of its children at once. Erlang has no way to send a signal to a program: a shell does that for all.
-module(ports).
-behaviour(supervisor).
-export([main/1, init/1, start_child/1, child/2]).
-define(GRACE, 1000).

main([Count | Command]) ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    register(killer, open_port({spawn_executable, "/bin/sh"}, [])),
    io:setopts([binary]),
    io:put_chars("r"),
    <<"l">> = io:get_chars("", 1),
    io:put_chars("r"),
    <<"g">> = io:get_chars("", 1),
    {ok, Supervisor} = supervisor:start_link(?MODULE, Command),
    [{ok, _} = supervisor:start_child(Supervisor, []) || _ <- lists:seq(1, list_to_integer(Count))],
    <<"s">> = io:get_chars("", 1),
    exit(Supervisor, shutdown),
    receive {'EXIT', Supervisor, _} -> ok end,
    io:put_chars("d"),
    timer:sleep(infinity).

init(Command) ->
    Child = #{id => c, start => {?MODULE, start_child, [Command]}, restart => permanent, shutdown => 2 * ?GRACE},
    {ok, {#{strategy => simple_one_for_one, intensity => 1000000000, period => 1}, [Child]}}.

start_child(Command) ->
    proc_lib:start_link(?MODULE, child, [self(), Command]).

child(Parent, [Program | Arguments]) ->
    process_flag(trap_exit, true),
    Port = open_port({spawn_executable, Program}, [{args, Arguments}, exit_status, binary]),
    {os_pid, Pid} = erlang:port_info(Port, os_pid),
    proc_lib:init_ack(Parent, {ok, self()}),
    serve(Parent, Port, Pid).

serve(Parent, Port, Pid) ->
    receive
        {Port, {data, _}} -> serve(Parent, Port, Pid);
        {Port, {exit_status, Status}} -> exit({ended, Status});
        {'EXIT', Parent, Reason} -> stop(Port, Pid), exit(Reason);
        _ -> serve(Parent, Port, Pid)
    end.

stop(Port, Pid) ->
    send("TERM", Pid),
    receive
        {Port, {exit_status, _}} -> ok
    after ?GRACE ->
        send("KILL", Pid),
        receive {Port, {exit_status, _}} -> ok end
    end.

send(Signal, Pid) ->
    port_command(killer, ["kill -", Signal, " ", integer_to_list(Pid), "\n"]).
