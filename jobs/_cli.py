"""stub until the command line is written"""
